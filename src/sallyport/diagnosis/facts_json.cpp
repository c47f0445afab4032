#include <sallyport/diagnosis/facts_json.hpp>

#include <algorithm>
#include <array>
#include <utility>

#include <boost/describe/class.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value_from.hpp>
#include <boost/json/value_to.hpp>
#include <boost/system/error_code.hpp>

#include <sallyport/diagnosis/readable_json.hpp>

namespace json = boost::json;

// ---- Conversions that Boost.JSON finds by the types of their arguments

namespace sallyport {

template <class T>
json::result<T> parsed_text(const json::value& from) {
    const auto* const text = from.if_string();
    if (text == nullptr) return make_error_code(json::error::not_string);
    const auto value = T::parse({text->data(), text->size()});
    if (!value) return make_error_code(json::error::syntax);
    return *value;
}

void tag_invoke(const json::value_from_tag&, json::value& into, const ip_address& from) { into = from.text(); }
void tag_invoke(const json::value_from_tag&, json::value& into, const endpoint& from) { into = from.text(); }
json::result<ip_address> tag_invoke(const json::try_value_to_tag<ip_address>&, const json::value& from) {
    return parsed_text<ip_address>(from);
}
json::result<endpoint> tag_invoke(const json::try_value_to_tag<endpoint>&, const json::value& from) {
    return parsed_text<endpoint>(from);
}

/// The value of an enumeration whose name() is this text; `count` values, from 0.
template <class Enum>
json::result<Enum> parsed_name(const json::value& from, unsigned count) {
    const auto* const text = from.if_string();
    if (text == nullptr) return make_error_code(json::error::not_string);
    for (unsigned i = 0; i < count; ++i)
        if (name(static_cast<Enum>(i)) == std::string_view(text->data(), text->size())) return static_cast<Enum>(i);
    return make_error_code(json::error::unknown_name);
}

namespace proto {

void tag_invoke(const json::value_from_tag&, json::value& into, data_method from) { into = name(from); }
json::result<data_method> tag_invoke(const json::try_value_to_tag<data_method>&, const json::value& from) {
    return parsed_name<data_method>(from, static_cast<unsigned>(data_method::port) + 1);
}

}  // namespace proto

namespace diagnosis {

void tag_invoke(const json::value_from_tag&, json::value& into, vantage from) { into = name(from); }
void tag_invoke(const json::value_from_tag&, json::value& into, method_result from) { into = name(from); }
void tag_invoke(const json::value_from_tag&, json::value& into, stream_end from) { into = name(from); }
void tag_invoke(const json::value_from_tag&, json::value& into, hop_answer from) { into = name(from); }
json::result<vantage> tag_invoke(const json::try_value_to_tag<vantage>&, const json::value& from) {
    return parsed_name<vantage>(from, static_cast<unsigned>(vantage::server) + 1);
}
json::result<method_result> tag_invoke(const json::try_value_to_tag<method_result>&, const json::value& from) {
    return parsed_name<method_result>(from, static_cast<unsigned>(method_result::failed) + 1);
}
json::result<stream_end> tag_invoke(const json::try_value_to_tag<stream_end>&, const json::value& from) {
    return parsed_name<stream_end>(from, static_cast<unsigned>(stream_end::open) + 1);
}
json::result<hop_answer> tag_invoke(const json::try_value_to_tag<hop_answer>&, const json::value& from) {
    return parsed_name<hop_answer>(from, static_cast<unsigned>(hop_answer::unreachable) + 1);
}

BOOST_DESCRIBE_STRUCT(phase, (), (name, ok, ms, error, reply_code, detail))
BOOST_DESCRIBE_STRUCT(server_view, (), (peer, negotiated, source, others))
BOOST_DESCRIBE_STRUCT(method_facts, (),
                      (method, tls, result, target, advertised, other_address, reply_code, reply, detail, malformed,
                       acknowledged, bytes, ms, resumed, end, seen_by_server))
BOOST_DESCRIBE_STRUCT(ttl_answer, (), (ttl, what, from, icmp_type, icmp_code))
BOOST_DESCRIBE_STRUCT(path_trace, (), (control, to, answers, reply_ttl))
BOOST_DESCRIBE_STRUCT(line_probe::answer, (), (ttl, passed, expired))
BOOST_DESCRIBE_STRUCT(line_probe, (), (line, answers))
BOOST_DESCRIBE_STRUCT(port_round, (), (method, port, result, again, after_pause, reply_code, reply))
BOOST_DESCRIBE_STRUCT(segment_probe, (), (method, tls, max_segment, result, bytes))
BOOST_DESCRIBE_STRUCT(sequence_probe, (), (first, second, tls, result, reply_code, reply))
BOOST_DESCRIBE_STRUCT(timing_probe, (), (method, tls, after_command, result))
BOOST_DESCRIBE_STRUCT(tls_probe, (), (version, reuse, result, resumed, reply_code, reply))
BOOST_DESCRIBE_STRUCT(upload_facts, (), (result, reply_code, reply, difference, left_over))
BOOST_DESCRIBE_STRUCT(idle_probe, (), (seconds, kept_by, result, hop))
BOOST_DESCRIBE_STRUCT(comparison_facts, (), (segments, sequences, timings, tls_versions, upload, other_port, other_sessions))
BOOST_DESCRIBE_STRUCT(run_times, (), (started, ended))
BOOST_DESCRIBE_STRUCT(facts, (),
                      (seen_from, source, times, host, tls_mode, client, server, host_addresses, translated_server, greeting,
                       greeted_after_proxy_header, features, phases, methods, traces, lines, rounds, idle, compared,
                       not_measured))

constexpr std::string_view version_key = "sallyport_doctor";
/// Another one after each change of the entries, which all are required.
constexpr int version = 4;
/// It had no sessions of other clients.
constexpr int version_without_other_sessions = 3;
/// It had no times, no SYNs to another port, and nothing of SITE DOCTOR.
constexpr int version_without_times = 2;

namespace {

/// More than any run has: `--rounds` makes up to 1000 entries, and the rest a few dozen. Reports have a row for each.
constexpr std::size_t max_entries = 1024;
/// What an IP packet can have. Reports have a row for each hop.
constexpr unsigned max_ttl = 255;

/// A saved run comes from others, and the rules count up to its TTLs.
bool is_within_limits(const facts& known) {
    const auto fits = [](const auto& all) { return all.size() <= max_entries; };
    const auto is_ttl = [](const auto& all) {
        return std::ranges::all_of(all, [](const auto& each) { return each.ttl <= max_ttl; });
    };
    const bool few = fits(known.host_addresses) && fits(known.features) && fits(known.phases) && fits(known.methods) &&
                     fits(known.traces) && fits(known.lines) && fits(known.rounds) && fits(known.idle) &&
                     fits(known.compared.segments) && fits(known.compared.sequences) && fits(known.compared.timings) &&
                     fits(known.compared.tls_versions) && fits(known.compared.other_sessions) && fits(known.not_measured);
    const auto trace_fits = [&](const path_trace& t) {
        return fits(t.answers) && is_ttl(t.answers) && t.reply_ttl.value_or(0) <= max_ttl;
    };
    const auto line_fits = [&](const line_probe& l) { return fits(l.answers) && is_ttl(l.answers); };
    const auto view_fits = [&](const server_view& v) { return fits(v.others); };
    const auto method_fits = [&](const method_facts& m) { return !m.seen_by_server || view_fits(*m.seen_by_server); };
    const auto idle_fits = [](const idle_probe& i) { return i.hop.value_or(0) <= max_ttl; };
    const bool has_times =
        known.times.started >= 0 && known.times.ended >= known.times.started && known.times.ended <= max_time;
    return few && has_times && (!known.compared.other_port || trace_fits(*known.compared.other_port)) &&
           std::ranges::all_of(known.methods, method_fits) &&
           std::ranges::all_of(known.compared.other_sessions, view_fits) && std::ranges::all_of(known.traces, trace_fits) &&
           std::ranges::all_of(known.lines, line_fits) && std::ranges::all_of(known.idle, idle_fits);
}

/// The facts of a run that an older version has saved, with the entries that it did not know.
json::value with_new_entries(json::value saved) {
    if (auto* const entries = saved.if_object()) {
        entries->emplace("times", json::object{{"started", 0}, {"ended", 0}});
        if (auto* const compared = entries->if_contains("compared"); compared != nullptr && compared->is_object()) {
            compared->get_object().emplace("other_port", nullptr);
            compared->get_object().emplace("other_sessions", json::array());
        }
        if (auto* const methods = entries->if_contains("methods"); methods != nullptr && methods->is_array())
            for (auto& each : methods->get_array())
                if (auto* const method = each.if_object()) method->emplace("seen_by_server", nullptr);
    }
    return saved;
}

}  // namespace

std::string to_json(const facts& known) {
    return readable_json(json::object{{version_key, version}, {"facts", json::value_from(known)}});
}

result<facts> facts_from_json(std::string_view text) {
    boost::system::error_code why;
    const auto parsed = json::parse(text, why);
    if (why) return fail(errc::syntax, "not a JSON text");
    const auto* const object = parsed.if_object();
    const auto* const number = object == nullptr ? nullptr : object->if_contains(version_key);
    const auto* const saved = object == nullptr ? nullptr : object->if_contains("facts");
    if (number == nullptr || saved == nullptr) return fail(errc::unsupported, "not a saved run of 'sallyport doctor'");
    const auto written = number->is_int64() ? number->get_int64() : 0;
    if (written != version && written != version_without_other_sessions && written != version_without_times)
        return fail(errc::unsupported, "a saved run of another version of Sallyport");
    auto read = json::try_value_to<facts>(written == version ? *saved : with_new_entries(*saved));
    if (!read) return fail(errc::syntax, "a saved run with a missing or wrong entry");
    if (!is_within_limits(*read))
        return fail(errc::too_long,
                    "a saved run with a hop beyond 255, with more entries than a run has, or with an end before its start");
    return std::move(*read);
}

}  // namespace diagnosis
}  // namespace sallyport
