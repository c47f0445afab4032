#include <sallyport/cli/compare_command.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/json_text.hpp>
#include <sallyport/cli/advice_text.hpp>
#include <sallyport/cli/client_options.hpp>
#include <sallyport/cli/declared_differences.hpp>
#include <sallyport/cli/exit_code.hpp>
#include <sallyport/cli/server_probes.hpp>
#include <sallyport/cli/transfer_result.hpp>

namespace sallyport::cli {
namespace {

// As 'sallyport doctor' has it for servers of which some functions do not work.
constexpr int differs = static_cast<int>(exit_status::impaired);

struct compare_job {
    client_options options;
    std::string before;
    std::string after;
    std::vector<std::string> names;
    replaced_server from = replaced_server::unknown;
};

/// A path would be resolved by the server.
result<void> check_names(const std::vector<std::string>& names) {
    for (const auto& name : names)
        if (!proto::is_safe_name(name))
            return fail(errc::usage,
                        fmt::format("--name '{}': not the name of a file; use one such as secret.key", escape(name, 100)));
    return {};
}

result<probe_settings> settings_for(const compare_job& job, const std::string& url) {
    // "HOST" or "HOST:PORT" is a URL, too.
    auto location = client::url::parse(url.contains("://") ? url : "ftp://" + url);
    if (!location) return std::unexpected(std::move(location.error()));
    auto how = job.options.session(*location);
    if (!how) return std::unexpected(std::move(how.error()));
    return probe_settings{std::move(*location), std::move(*how), job.names};
}

net::task<> probe_both(net::loop& loop, const probe_settings& before, const probe_settings& after, server_probes& of_before,
                       server_probes& of_after) {
    co_await probe_server(loop, before, of_before);
    if (!of_before.failure) co_await probe_server(loop, after, of_after);
}

void print_text(const std::vector<probe_difference>& all, replaced_server from) {
    std::size_t declared = 0;
    for (const auto& each : all) {
        if (each.is_same) continue;
        const auto reason = declared_reason(from, each);
        if (!reason.empty()) ++declared;
        fmt::print("{}: {}, now {}{}\n", escape(each.name, 200), escape(each.before, 200), escape(each.after, 200),
                   reason.empty() ? "" : fmt::format(" (declared: {})", reason));
    }
    const auto count = std::ranges::count(all, false, &probe_difference::is_same);
    fmt::print("{} probes, {}{}\n", all.size(),
               count == 0   ? std::string("no difference")
               : count == 1 ? std::string("1 difference")
                            : fmt::format("{} differences", count),
               declared == 0 ? "" : fmt::format(", {} declared", declared));
}

void print_json(const std::vector<probe_difference>& all, replaced_server from, const probe_settings& before,
                const probe_settings& after, int code) {
    std::string rows;
    for (const auto& each : all) {
        const auto reason = declared_reason(from, each);
        rows += fmt::format(R"({}{{"probe":{},"old":{},"new":{},"same":{},"declared":{}}})", rows.empty() ? "" : ",",
                            json_string(each.name), json_string(each.before), json_string(each.after), each.is_same,
                            reason.empty() ? "null" : json_string(reason));
    }
    fmt::print("{}\n", fmt::format(R"({{"ok":{},"exit_code":{},"old":{},"new":{},"probes":[{}]}})", code == 0, code,
                                   json_string(before.server.text()), json_string(after.server.text()), rows));
}

void report_remaining(const server_probes& of, const probe_settings& where) {
    for (const auto& name : of.remaining)
        fmt::print(stderr, "sallyport import compare: {}: {} could not be removed; remove it by hand\n",
                   where.server.authority(), escape(name, 200));
}

int run_compare(const compare_job& job) {
    constexpr auto name = "import compare";
    if (const auto good = check_names(job.names); !good) return report_error(name, good.error(), exit_status::usage);
    const auto before = settings_for(job, job.before);
    if (!before) return report_error(name, before.error(), exit_status::usage);
    const auto after = settings_for(job, job.after);
    if (!after) return report_error(name, after.error(), exit_status::usage);
    server_probes of_before;
    server_probes of_after;
    net::loop_group loops(1);
    loops.run_until_done(probe_both(loops.at(0), *before, *after, of_before, of_after));
    report_remaining(of_before, *before);
    report_remaining(of_after, *after);
    for (const auto* const each : {&of_before, &of_after}) {
        if (!each->failure) continue;
        const auto& location = each == &of_before ? before->server : after->server;
        fmt::print(stderr, "sallyport import compare: {}\n", failure_line(*each->failure));
        if (job.options.json) fmt::print("{}\n", failure_json(location.text(), *each->failure, {}));
        return static_cast<int>(status_of(*each->failure));
    }
    const auto all = compare_probes(of_before.results, of_after.results);
    const auto is_expected = [&job](const probe_difference& each) {
        return each.is_same || !declared_reason(job.from, each).empty();
    };
    const int code = std::ranges::all_of(all, is_expected) ? 0 : differs;
    if (job.options.json)
        print_json(all, job.from, *before, *after, code);
    else
        print_text(all, job.from);
    return code;
}

}  // namespace

void add_compare_command(CLI::App& import, int& exit_code) {
    auto job = std::make_shared<compare_job>();
    CLI::App* command = import.add_subcommand("compare", "Try two servers in the same way, and list what differs");
    command_table table;
    table.add("Arguments", {{"OLD", "", required(text(job->before)), "The server that runs now: a URL, or HOST:PORT"},
                            {"NEW", "", required(text(job->after)), "The server that replaces it"}});
    table.add("Probes", {{"--name", "NAME", texts(job->names), "Also upload, list and download a file of this name", "none"},
                         {"--from", "vsftpd|proftpd|pure-ftpd",
                          choice(job->from, "value",
                                 choices<replaced_server>{{"vsftpd", replaced_server::vsftpd},
                                                          {"proftpd", replaced_server::proftpd},
                                                          {"pure-ftpd", replaced_server::pure_ftpd}}),
                          "What OLD is: mark the differences that its import declares", "unknown"}});
    job->options.add_to(table);
    table.notes =
        "Both servers get the same commands with the same login: features, codes, rights, names that begin with a dot, "
        "modes and owners of uploads. Everything happens in a directory that is made for it and removed afterwards; files "
        "that are there are not changed. Each difference is one line: what the old server did, and what the new one does "
        "now. With --from, those that docs/from-PROGRAM.md declares are marked with their reason.\n\n"
        "Example:\n"
        "  sallyport import compare ftp.example.org:21 ftp.example.org:2121 \\\n"
        "    --user partner --name secret.key --from vsftpd\n\n"
        "Exit code 20: there are differences that are not declared.\n\n" +
        table.notes;
    set_table(*command, std::move(table));
    set_client_callback(*command, job->options, exit_code, [job] { return run_compare(*job); });
}

}  // namespace sallyport::cli
