#include <sallyport/cli/entry_command.hpp>

#include <algorithm>
#include <cstdio>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/json_text.hpp>
#include <sallyport/cli/advice_text.hpp>
#include <sallyport/cli/site_names.hpp>
#include <sallyport/cli/site_run.hpp>
#include <sallyport/cli/transfer_result.hpp>
#include <sallyport/client/glob.hpp>
#include <sallyport/client/remote_tree.hpp>

namespace sallyport::cli {
namespace {

net::task<client::outcome<void>> nothing_on(client::session& /*on*/) { co_return client::outcome<void>{}; }

/// Nothing else is tried if there is no connection, so that the cause is reported once.
net::task<client::outcome<void>> connect_on(client::pool& on) {
    const client::pool::work nothing = [](client::session& link, int /*try_number*/) { return nothing_on(link); };
    co_return co_await on.run(nothing);
}

net::task<> run_on_matches(client::pool& on, const client::url& location, std::string pattern, entry_result& result,
                           const entry_work& work) {
    auto found = co_await client::expand_pattern(on, pattern);
    if (!found) {
        result.problems.push_back({pattern, std::move(found.error())});
        co_return;
    }
    const bool has_failed = !found->problems.empty();
    add_failures(result.problems, std::move(found->problems));
    add_listing_warnings(result.warnings, found->skipped_names, 0);
    if (found->entries.empty() && !has_failed) {
        const error cause{errc::not_found, 0, "nothing matches; list the directory with 'sallyport ls'"};
        result.problems.push_back({pattern, {client::step::request, cause, 550, pattern, {}}});
    }
    for (auto& e : found->entries) {
        if (on.is_cancelled()) co_return;
        named_entry entry{location, std::move(e.path), std::move(e.facts)};
        co_await work(on, entry);
    }
}

net::task<> run_on_urls(client::pool& on, const std::vector<client::url>& urls, bool no_glob, entry_result& result,
                        const entry_work& work) {
    auto connected = co_await connect_on(on);
    if (!connected) {
        result.problems.push_back({urls.front().text(), std::move(connected.error())});
        co_return;
    }
    for (const auto& location : urls) {
        if (on.is_cancelled()) co_return;
        auto path = co_await client::absolute_path(on, location.path);
        if (!path) {
            result.problems.push_back({location.text(), std::move(path.error())});
        } else if (!no_glob && client::has_wildcards(location.path)) {
            co_await run_on_matches(on, location, *path, result, work);
        } else {
            named_entry entry{location, std::move(*path), std::nullopt};
            co_await work(on, entry);
        }
    }
}

std::string json_object(const entry_result& r, exit_status status, int signal) {
    std::string failures;
    for (std::size_t i = 0; i < std::min(r.problems.size(), max_reported); ++i)
        failures += fmt::format(R"({}{{"name":{},"exit_code":{},{}}})", i == 0 ? "" : ",", json_string(r.problems[i].name),
                                static_cast<int>(status_of(r.problems[i].why)), failure_members(r.problems[i].why));
    std::string warnings;
    for (const auto& w : r.warnings) warnings += (warnings.empty() ? "" : ",") + json_string(w);
    return fmt::format(
        R"({{"ok":{},"exit_code":{},{}"done":{},"failed":{},"failures":[{}],"failures_omitted":{},"warnings":[{}]}})",
        status == exit_status::ok && signal == 0, static_cast<int>(status), r.members, r.done, r.problems.size(), failures,
        r.problems.size() - std::min(r.problems.size(), max_reported), warnings);
}

int report_entries(const entry_result& r, const client_options& options, int signal) {
    if (!options.quiet)
        for (const auto& w : r.warnings) fmt::print(stderr, "sallyport {}: warning: {}\n", r.command, escape(w));
    std::size_t count = 0;
    for (const auto& p : r.problems)
        if (count++ < max_reported) fmt::print(stderr, "sallyport {}: {}\n", r.command, failure_line(p.why));
    if (count > max_reported) fmt::print(stderr, "sallyport {}: {} more failed\n", r.command, count - max_reported);
    if (signal != 0) fmt::print(stderr, "sallyport {}: cancelled\n", r.command);
    const auto status = r.problems.empty() ? exit_status::ok
                        : r.done > 0       ? exit_status::some_failed
                                           : status_of(r.problems.front().why);
    if (options.json) fmt::print("{}\n", json_object(r, status, signal));
    std::fflush(stdout);
    if (signal != 0) end_by_signal(signal);
    return static_cast<int>(status);
}

}  // namespace

void entry_options::add_to(command_table& table) {
    table.add("Names", {{"--no-glob", "", flag(no_glob), "Treat *, ?, [ and ] in URLs as parts of names"}});
    connection.add_to(table);
    connection.add_mapping_to(table);
    connection.add_learning_to(table);
}

option_row entry_options::url_row() {
    return {"URL", "", required(texts(urls)), fmt::format("{}; *, ?, [] and ** match names", location_forms)};
}

void entry_result::add(const std::string& name, client::outcome<void> got) {
    if (got)
        ++done;
    else
        problems.push_back({name, std::move(got.error())});
}

net::task<std::optional<client::remote_listing>> read_below(client::pool& on, std::string path, entry_result& result) {
    const client::name_filter everything;
    auto tree = co_await client::read_tree(on, path, everything);
    if (!tree) {
        result.problems.push_back({path, std::move(tree.error())});
        co_return std::nullopt;
    }
    add_failures(result.problems, std::exchange(tree->problems, {}));
    add_listing_warnings(result.warnings, tree->skipped_names, tree->unrecognized_lines);
    co_return std::move(*tree);
}

int run_on_entries(entry_result& result, const entry_options& options, const entry_work& work,
                   const std::function<void()>& end) {
    std::vector<client::url> locations;
    for (const auto& each : options.urls) {
        auto location = parse_location(each);
        if (!location) return report_error(result.command, location.error(), exit_status::usage);
        locations.push_back(std::move(*location));
    }
    const connection_count only_one = [](const transfer_settings& /*set*/) { return std::size_t{1}; };
    many_progress shown;
    for (const auto& urls : by_site(locations)) {
        const site_work on_site = [&](client::pool& on) { return run_on_urls(on, urls, options.no_glob, result, work); };
        const auto ran = run_on_site(urls.front(), only_one, options.connection, shown, on_site);
        if (!ran) return report_error(result.command, ran.error(), exit_status::usage);
        if (shown.signal != 0) break;
    }
    if (shown.signal != 0) std::erase_if(result.problems, [](const auto& p) { return p.why.cause.code == errc::cancelled; });
    if (end) end();
    return report_entries(result, options.connection, shown.signal);
}

}  // namespace sallyport::cli
