#include <sallyport/cli/transfer_result.hpp>

#include <algorithm>

#include <fmt/format.h>
#include <unistd.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/json_text.hpp>
#include <sallyport/cli/advice_text.hpp>
#include <sallyport/cli/progress_bar.hpp>

namespace sallyport::cli {

namespace {

std::string attempts_json(const std::vector<client::attempt>& attempts) {
    std::string out;
    for (const auto& a : attempts)
        out += fmt::format(R"({}{{"method":{},"address":{},"ok":{},"error":{}}})", out.empty() ? "" : ",",
                           json_string(name(a.method)), json_string(a.target.port != 0 ? a.target.text() : ""), !a.failure,
                           a.failure ? json_string(name(a.failure->code)) : "null");
    return "[" + out + "]";
}

std::string success_json(const transfer_result& r) {
    const auto& t = *r.got;
    std::string warnings;
    for (const auto& w : t.warnings) warnings += (warnings.empty() ? "" : ",") + json_string(w);
    return fmt::format(
        R"({{"ok":true,"exit_code":0,"url":{},"file":{},"bytes":{},"resumed_from":{},"size":{},"seconds":{:.3f},"tls":{},"tls_resumed":{},)"
        R"("verified":{},"moved_away":{},"reply":{},"attempts":{},"warnings":[{}]}})",
        json_string(r.url), json_string(r.file), t.bytes, t.resumed_from, t.size ? std::to_string(*t.size) : "null",
        static_cast<double>(r.elapsed.count()) / 1000, t.tls, t.tls_resumed, json_string(t.verified), t.moved_away,
        json_string(t.final_reply), attempts_json(t.attempts), warnings);
}

void print_success(const transfer_result& r) {
    const double seconds = std::max(0.001, static_cast<double>(r.elapsed.count()) / 1000);
    fmt::print(stderr, "{}: {} in {:.1f} s, {}/s\n", escape(r.file), readable_size(static_cast<double>(r.got->bytes)),
               seconds, readable_size(static_cast<double>(r.got->bytes) / seconds));
}

}  // namespace

std::string failure_members(const client::failure& f) {
    return fmt::format(R"("step":{},"error":{},"reply_code":{},"message":{},"advice":{})", json_string(name(f.at)),
                       json_string(name(f.cause.code)), f.reply_code == 0 ? "null" : std::to_string(f.reply_code),
                       json_string(f.cause.text()), json_string(advice_text(f.causes)));
}

std::string failure_json(std::string_view url, const client::failure& f, const std::vector<client::attempt>& attempts) {
    return fmt::format(R"({{"ok":false,"exit_code":{},"url":{},{},"attempts":{}}})", static_cast<int>(status_of(f)),
                       json_string(url), failure_members(f), attempts_json(attempts));
}

int report(const transfer_result& r, const client_options& options) {
    if (r.got) {
        if (options.json)
            fmt::print("{}\n", success_json(r));
        else if (!options.quiet && ::isatty(STDERR_FILENO) == 1)
            print_success(r);
        if (!options.quiet)
            for (const auto& w : r.got->warnings) fmt::print(stderr, "sallyport {}: warning: {}\n", r.command, escape(w));
        return 0;
    }
    fmt::print(stderr, "sallyport {}: {}\n", r.command, failure_line(r.got.error()));
    fmt::print(stderr, "{}", doctor_line(r.command, r.url, r.got.error()));
    if (!r.partial_file.empty())
        fmt::print(stderr, "sallyport {}: partial file kept in {}{}\n", r.command, escape(r.partial_file),
                   r.got.error().can_resume ? "; run the same command with --resume to continue" : "");
    if (options.json) fmt::print("{}\n", failure_json(r.url, r.got.error(), r.attempts));
    return static_cast<int>(status_of(r.got.error()));
}

std::string doctor_line(std::string_view command, std::string_view url, const client::failure& f) {
    if (status_of(f) != exit_status::data_connection) return {};
    // The doctor examines the path without the proxy.
    if (std::ranges::find(f.causes, client::cause::proxy_blocks_data, &client::advice::id) != f.causes.end()) return {};
    return fmt::format("sallyport {}: to find the cause, run: sallyport doctor {}\n", command, shell_word(escape(url)));
}

int report_error(std::string_view command, const error& cause, exit_status status) {
    fmt::print(stderr, "sallyport {}: {}\n", command, escape(cause.text(), 2048));
    return static_cast<int>(status);
}

}  // namespace sallyport::cli
