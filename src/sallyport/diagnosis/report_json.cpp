#include <algorithm>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <sallyport/diagnosis/comparison_lines.hpp>
#include <sallyport/diagnosis/path.hpp>
#include <sallyport/diagnosis/readable_json.hpp>
#include <sallyport/diagnosis/report.hpp>
#include <sallyport/diagnosis/report_json.hpp>
#include <sallyport/diagnosis/rule_support.hpp>
#include <sallyport/diagnosis/rules.hpp>

namespace sallyport::diagnosis {

namespace {

namespace json = boost::json;

json::value text_or_null(const std::optional<ip_address>& address) {
    return address ? json::value(address->text()) : json::value();
}

json::array phases_json(const facts& known) {
    json::array out;
    for (const auto& each : known.phases)
        out.push_back(json::object{{"name", each.name}, {"ok", each.ok}, {"ms", each.ms}, {"detail", each.detail}});
    return out;
}

json::array methods_json(const facts& known) {
    const auto at = find_break(known);
    json::array out;
    for (const auto& m : known.methods) {
        json::object row{{"method", proto::name(m.method)}, {"tls", m.tls}, {"result", name(m.result)}};
        row["to"] = m.target ? json::value(m.target->text()) : json::value();
        // The last hop that the data connection passed.
        row["at"] = at && !is_active(m.method) && is_blocked(m) ? json::value(at->hop.first) : json::value();
        row["ms"] = m.ms;
        row["detail"] = m.reply.empty() ? m.detail : m.reply;
        out.push_back(std::move(row));
    }
    return out;
}

json::array comparisons_json(const facts& known) {
    json::array out;
    for (const auto& each : comparison_lines(known))
        out.push_back(json::object{{"name", each.name}, {"ok", each.ok}, {"detail", each.detail}});
    return out;
}

json::array other_sessions_json(const facts& known) {
    json::array out;
    for (const auto& each : known.compared.other_sessions) {
        json::object row{{"peer", each.peer.text()}, {"negotiated", each.negotiated}};
        row["source"] = each.source ? json::value(each.source->text()) : json::value();
        json::array rejected;
        for (const auto& other : each.others) rejected.emplace_back(other.text());
        row["rejected"] = std::move(rejected);
        out.push_back(std::move(row));
    }
    return out;
}

json::value answer_json(const path_trace* trace, unsigned ttl) {
    const auto* const answer = trace == nullptr ? nullptr : trace->answer_at(ttl);
    return answer == nullptr ? json::value() : json::value(name(answer->what));
}

json::array path_json(const facts& known) {
    unsigned last = distance_to_server(known).value_or(0);
    for (const auto& trace : known.traces) last = std::max(last, trace.last_expired());
    json::array out;
    for (unsigned hop = 1; hop <= last && !known.traces.empty(); ++hop) {
        auto address = address_of_hop(known, hop);
        if (!address && distance_to_server(known) == hop) address = known.server.address;
        out.push_back(json::object{{"hop", hop},
                                   {"address", text_or_null(address)},
                                   {"side", name(side_of_hop(known, hop))},
                                   {"control", answer_json(known.control_trace(), hop)},
                                   {"data", answer_json(known.data_trace(), hop)}});
    }
    return out;
}

json::object verdict_json(const verdict& v) {
    json::object out{{"id", v.id}, {"cause", v.cause}, {"side", name(v.side)}};
    out["hop"] = v.hop ? json::value(json::object{
                             {"first", v.hop->first}, {"last", v.hop->last}, {"address", text_or_null(v.hop->address)}})
                       : json::value();
    out["confidence"] = name(v.confidence);
    out["severity"] = name(v.severity);
    out["remedy"] = v.remedy;
    out["rules"] = texts_json(v.rules);
    out["evidence"] = texts_json(v.evidence);
    return out;
}

}  // namespace

json::array texts_json(const std::vector<std::string>& texts) {
    json::array out;
    for (const auto& each : texts) out.emplace_back(each);
    return out;
}

json::array verdicts_json(const std::vector<verdict>& found) {
    json::array out;
    for (const auto& each : found) out.push_back(verdict_json(each));
    return out;
}

std::string report_json(const facts& known, const std::vector<verdict>& found) {
    return readable_json(json::object{{"schema", 1},
                                      {"result", name(overall_of(known, found))},
                                      {"phases", phases_json(known)},
                                      {"methods", methods_json(known)},
                                      {"comparisons", comparisons_json(known)},
                                      {"other_sessions", other_sessions_json(known)},
                                      {"path", path_json(known)},
                                      {"verdict", verdicts_json(found)},
                                      {"not_measured", texts_json(known.not_measured)}});
}

}  // namespace sallyport::diagnosis
