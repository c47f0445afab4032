#include <sallyport/cli/many_result.hpp>

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>
#include <unistd.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/json_text.hpp>
#include <sallyport/cli/advice_text.hpp>
#include <sallyport/cli/progress_bar.hpp>
#include <sallyport/cli/transfer_result.hpp>
#include <sallyport/status/counters.hpp>

namespace sallyport::cli {
namespace {

using client::transfer;
using client::transfer_state;

struct totals {
    std::size_t done = 0, skipped = 0, failed = 0, cancelled = 0, retried = 0, moved_away = 0;
    std::uint64_t bytes = 0;
};

/// What the user has cancelled is no failure: a listing, for example.
bool counts(const many_result& r, const named_failure& p) { return r.signal == 0 || p.why.cause.code != errc::cancelled; }

totals totals_of(const many_result& r) {
    totals out;
    for (const auto& p : r.problems) out.failed += counts(r, p);
    for (const auto& t : r.transfers) {
        out.done += t.state == transfer_state::done;
        out.skipped += t.state == transfer_state::skipped;
        // One that still waits without a signal was lost by an exception, such as for memory or threads.
        const bool is_lost = t.state == transfer_state::waiting && r.signal == 0;
        out.failed += t.state == transfer_state::failed || is_lost;
        out.cancelled += t.state == transfer_state::cancelled || (t.state == transfer_state::waiting && !is_lost);
        out.retried += t.tries > 1;
        out.moved_away += t.moved_away;
        if (t.state == transfer_state::done) out.bytes += t.bytes;
    }
    return out;
}

/// The server's path of a download, the local one of an upload.
std::string name_of_source(const transfer& t) {
    return t.way == client::direction::download ? t.remote : t.tree->shown(t.local);
}

std::string failure_object(const std::string& name, const client::failure& why, int tries, const std::string& partial_file) {
    return fmt::format(R"({{"name":{},"exit_code":{},"tries":{},"partial_file":{},{}}})", json_string(name),
                       static_cast<int>(status_of(why)), tries, partial_file.empty() ? "null" : json_string(partial_file),
                       failure_members(why));
}

/// The first max_reported failures.
std::string failures_json(const many_result& r) {
    std::string out;
    std::size_t count = 0;
    const auto add = [&](const std::string& object) { out += (count++ == 0 ? "" : ",") + object; };
    for (const auto& p : r.problems)
        if (counts(r, p) && count < max_reported) add(failure_object(p.name, p.why, 1, {}));
    for (const auto& t : r.transfers)
        if (t.why && t.state == transfer_state::failed && count < max_reported)
            add(failure_object(name_of_source(t), *t.why, t.tries, t.partial_file));
    return "[" + out + "]";
}

/// The names that the server chose for uploads; without any, no member.
std::string chosen_names_member(const many_result& r) {
    std::string out;
    for (const auto& t : r.transfers)
        if (!t.stored_as.empty() && t.state == transfer_state::done)
            out += fmt::format(R"({}{{"name":{},"stored_as":{}}})", out.empty() ? "" : ",", json_string(name_of_source(t)),
                               json_string(t.stored_as));
    return out.empty() ? out : "\"stored\":[" + out + "],";
}

std::string result_json(const many_result& r) {
    const auto sum = totals_of(r);
    const auto status = status_of(r);
    std::string warnings;
    for (std::size_t i = 0; i < std::min(r.warnings.size(), max_reported); ++i)
        warnings += (i == 0 ? "" : ",") + json_string(r.warnings[i]);
    return fmt::format(
        R"({{"ok":{},"exit_code":{},"files":{},"done":{},"skipped":{},"unchanged":{},"failed":{},"cancelled":{},"deleted":{},)"
        R"("retried":{},"moved_away":{},"bytes":{},"seconds":{:.3f},"connections":{},{}"failures":{},"failures_omitted":{},"warnings":[{}]}})",
        status == exit_status::ok && r.signal == 0, static_cast<int>(status), r.transfers.size(), sum.done, sum.skipped,
        r.unchanged, sum.failed, sum.cancelled, r.deleted, sum.retried, sum.moved_away, sum.bytes,
        static_cast<double>(r.elapsed.count()) / 1000, r.connections, chosen_names_member(r), failures_json(r),
        sum.failed - std::min(sum.failed, max_reported), warnings);
}

void print_failures(const many_result& r, const totals& sum) {
    std::size_t count = 0;
    const auto print = [&](const client::failure& why, const std::string& partial_file) {
        if (count++ >= max_reported) return;
        fmt::print(stderr, "sallyport {}: {}\n", r.command, failure_line(why));
        if (!partial_file.empty())
            fmt::print(stderr, "sallyport {}: partial file kept in {}\n", r.command, escape(partial_file));
    };
    for (const auto& p : r.problems)
        if (counts(r, p)) print(p.why, {});
    for (const auto& t : r.transfers)
        if (t.why && t.state == transfer_state::failed) print(*t.why, t.partial_file);
    if (count > max_reported) fmt::print(stderr, "sallyport {}: {} more failed\n", r.command, count - max_reported);
    if (sum.failed > 0 && sum.failed + sum.done + sum.skipped > 1)
        fmt::print(stderr, "sallyport {}: {} of {} failed\n", r.command, sum.failed,
                   status::with_plural(r.transfers.size() + r.problems.size(), "file"));
}

void print_summary(const many_result& r, const totals& sum) {
    const double seconds = std::max(0.001, static_cast<double>(r.elapsed.count()) / 1000);
    std::string more;
    if (sum.skipped > 0) more += fmt::format(", {} skipped", sum.skipped);
    if (r.unchanged > 0) more += fmt::format(", {} unchanged", r.unchanged);
    if (r.deleted > 0) more += fmt::format(", {} deleted", r.deleted);
    fmt::print(stderr, "{}, {} in {:.1f} s, {}/s{}\n", status::with_plural(sum.done, "file"),
               readable_size(static_cast<double>(sum.bytes)), seconds,
               readable_size(static_cast<double>(sum.bytes) / seconds), more);
}

void print_cancelled(const many_result& r, const totals& sum) {
    std::size_t parts = 0;
    for (const auto& t : r.transfers) parts += t.state == transfer_state::cancelled && !t.partial_file.empty();
    fmt::print(
        stderr, "sallyport {}: cancelled; {} of {} {} complete, {} {} kept{}\n", r.command, sum.done,
        status::with_plural(r.transfers.size(), "file"), r.transfers.size() == 1 ? "is" : "are",
        status::with_plural(parts, "partial file"), parts == 1 ? "was" : "were",
        r.command == "mirror" ? "; run the same command again to continue" : "; the same command with --resume continues");
}

}  // namespace

void end_run(many_result& r, const many_progress& shown) {
    r.signal = shown.signal;
    r.elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(net::clock::now() - shown.started);
}

void add_transfer_warnings(many_result& r) {
    for (const auto& t : r.transfers)
        for (const auto& w : t.warnings) r.warnings.push_back(name_of_source(t) + ": " + w);
}

exit_status status_of(const many_result& r) noexcept {
    const auto sum = totals_of(r);
    if (sum.failed == 0) return exit_status::ok;
    if (sum.done + sum.skipped + r.unchanged > 0) return exit_status::some_failed;
    if (!r.problems.empty()) return status_of(r.problems.front().why);
    const auto first = std::ranges::find(r.transfers, transfer_state::failed, &transfer::state);
    return first != r.transfers.end() && first->why ? status_of(*first->why) : exit_status::internal;
}

int report(const many_result& r, const client_options& options) {
    const auto sum = totals_of(r);
    if (!options.quiet) {
        std::size_t count = 0;
        for (const auto& w : r.warnings)
            if (count++ < max_reported) fmt::print(stderr, "sallyport {}: warning: {}\n", r.command, escape(w));
        if (count > max_reported) fmt::print(stderr, "sallyport {}: {} more warnings\n", r.command, count - max_reported);
    }
    print_failures(r, sum);
    if (r.signal != 0) print_cancelled(r, sum);
    if (options.json)
        fmt::print("{}\n", result_json(r));
    else if (!options.quiet && ::isatty(STDERR_FILENO) == 1)
        print_summary(r, sum);
    std::fflush(stdout);
    if (r.signal != 0) end_by_signal(r.signal);
    return static_cast<int>(status_of(r));
}

}  // namespace sallyport::cli
