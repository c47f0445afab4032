#include <sallyport/diagnosis/server_report.hpp>

#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <sallyport/base/escape.hpp>
#include <sallyport/diagnosis/readable_json.hpp>
#include <sallyport/diagnosis/report.hpp>
#include <sallyport/diagnosis/report_json.hpp>

namespace sallyport::diagnosis {

namespace {

namespace json = boost::json;

[[nodiscard]] std::string all_verdicts(const std::vector<verdict>& found) {
    std::string out;
    for (const auto& each : found) out += '\n' + verdict_text(each);
    return out;
}

[[nodiscard]] json::object schema(const std::vector<verdict>& found) {
    return {{"schema", 1},
            {"result", has_problem(found) ? "impaired" : "healthy"},
            {"phases", json::array()},
            {"methods", json::array()},
            {"path", json::array()},
            {"verdict", verdicts_json(found)}};
}

}  // namespace

std::string report_text(const server_facts& known, const std::vector<verdict>& found) {
    std::string ports = "none";
    if (known.passive) ports = known.passive_ports.first == 0 ? "any" : known.passive_ports.text();
    auto out = fmt::format("{}{}: {}\n\n", known.program.empty() ? "passive ports" : known.program,
                           known.source.empty() ? "" : " (" + escape(known.source, 200) + ')',
                           has_problem(found) ? "problems were found" : "no fault was found");
    const auto add = [&out](std::string_view label, std::string_view value) {
        out += fmt::format("  {:<16}{}\n", label, value);
    };
    // What publishes ports of a container does not have the server's settings.
    const bool is_container = known.publisher != port_publisher::none;
    if (!is_container)
        add("control ports",
            known.control_ports.empty() ? "not known" : fmt::format("{}", fmt::join(known.control_ports, ", ")));
    add("passive ports", ports);
    if (!is_container) add("TLS", !known.tls ? "not known" : *known.tls ? "offered" : "not offered");
    out += all_verdicts(found);
    for (const auto& each : known.not_measured) out += fmt::format("not measured: {}\n", escape(each, 400));
    return out;
}

std::string report_json(const server_facts& known, const std::vector<verdict>& found) {
    auto out = schema(found);
    out["not_measured"] = texts_json(known.not_measured);
    return readable_json(out);
}

std::string report_text(const log_summary& log, std::string_view source) {
    return fmt::format("{}: {} of {} sessions with a failed data connection or login\n", escape(source, 200), log.failed,
                       log.sessions) +
           all_verdicts(log.verdicts);
}

std::string report_json(const log_summary& log) {
    auto out = schema(log.verdicts);
    out["sessions"] = log.sessions;
    out["failed_sessions"] = log.failed;
    out["not_measured"] = json::array();
    return readable_json(out);
}

}  // namespace sallyport::diagnosis
