#include <sallyport/base/log_form.hpp>

#include <ctime>
#include <iterator>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/base/json_text.hpp>

namespace sallyport::log {
namespace {

constexpr std::string_view program = "sallyport";
// LOG_FTP of syslog.h, shifted as in the priority.
constexpr int facility = 11 << 3;

/// The levels of syslog(3).
[[nodiscard]] int severity_of(level at) noexcept {
    switch (at) {
        case level::debug: return 7;
        case level::info: return 6;
        case level::warning: return 4;
        case level::error:
        case level::off: break;
    }
    return 3;
}

[[nodiscard]] std::string with_session(const subject& about, std::string_view text) {
    return about.session.empty() ? std::string(text) : fmt::format("[{}] {}", about.session, text);
}

/// Calls add(KEY, VALUE) for what is known of the subject.
void add_subject(const subject& about, auto add) {
    if (!about.session.empty()) add("session", std::string(about.session));
    if (!about.user.empty()) add("user", escape(about.user));
    if (about.client) add("client", about.client->text());
}

[[nodiscard]] std::string json_of(const subject& about, std::string_view text) {
    std::string out;
    add_subject(about, [&out](std::string_view key, const std::string& value) {
        fmt::format_to(std::back_inserter(out), "\"{}\":{},", key, json_string(value));
    });
    return out + "\"text\":" + json_string(text);
}

[[nodiscard]] std::string logfmt_of(const subject& about, std::string_view text) {
    std::string out;
    add_subject(about, [&out](std::string_view key, const std::string& value) {
        const bool is_word = key != "user";
        fmt::format_to(std::back_inserter(out), "{}={} ", key, is_word ? value : json_string(value));
    });
    return out + "text=" + json_string(text);
}

[[nodiscard]] std::string syslog_of(level at, const subject& about, std::string_view text) {
    // rsyslog and others expect local time.
    const auto now = std::time(nullptr);
    std::tm local{};
    ::localtime_r(&now, &local);
    return fmt::format("<{}>{:%b %e %H:%M:%S} {}[{}]: {}", facility | severity_of(at), local, program, ::getpid(),
                       with_session(about, text));
}

[[nodiscard]] std::string journal_of(level at, const subject& about, std::string_view text) {
    auto out =
        fmt::format("PRIORITY={}\nSYSLOG_FACILITY={}\nSYSLOG_IDENTIFIER={}\n", severity_of(at), facility >> 3, program);
    add_subject(about, [&out](std::string_view key, const std::string& value) {
        fmt::format_to(std::back_inserter(out), "SALLYPORT_{}={}\n", to_upper(key), value);
    });
    out += "MESSAGE=";
    // A line end would begin another field.
    for (const char c : with_session(about, text)) out += c == '\n' ? ' ' : c;
    return out;
}

}  // namespace

std::string pattern_of(form f) {
    switch (f) {
        case form::text: return "%Y-%m-%dT%H:%M:%S.%e%z %L %v";
        case form::json: return R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})";
        case form::logfmt: return "time=%Y-%m-%dT%H:%M:%S.%e%z level=%l %v";
        case form::prefixed:
        case form::syslog:
        case form::journal: break;
    }
    return "%v";
}

std::string message_of(form f, level at, const subject& about, std::string_view text) {
    switch (f) {
        case form::text: break;
        case form::json: return json_of(about, text);
        case form::logfmt: return logfmt_of(about, text);
        case form::prefixed: return fmt::format("<{}>{}", severity_of(at), with_session(about, text));
        case form::syslog: return syslog_of(at, about, text);
        case form::journal: return journal_of(at, about, text);
    }
    return with_session(about, text);
}

}  // namespace sallyport::log
