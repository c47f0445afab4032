// sallyport quote: sends one command as it is, and prints the reply.

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/json_text.hpp>
#include <sallyport/cli/advice_text.hpp>
#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/entry_text.hpp>
#include <sallyport/cli/run_on_kept.hpp>
#include <sallyport/cli/run_session.hpp>
#include <sallyport/cli/site_names.hpp>
#include <sallyport/cli/transfer_result.hpp>

namespace sallyport::cli {
namespace {

struct quote_job {
    client_options options;
    std::string url;
    std::vector<std::string> words;
};

/// These need more than a command and a reply.
result<void> check_quoted(std::string_view name) {
    constexpr auto no_more = std::to_array<proto::verb>(
        {proto::verb::auth, proto::verb::ccc, proto::verb::rein, proto::verb::quit, proto::verb::abor});
    const bool is_word = !name.empty() && std::ranges::all_of(name, [](char c) { return is_alpha(c) || is_digit(c); });
    if (!is_word) return fail(errc::usage, "an FTP command has letters only; use one such as SITE, STAT or HELP");
    const auto id = proto::find_verb(name);
    const auto use = proto::data_use_of(id);
    if (use == proto::data_use::download || use == proto::data_use::upload || use == proto::data_use::listing)
        return fail(errc::usage, fmt::format("{} needs a data connection; use get, put, cat or ls", name));
    if (std::ranges::find(no_more, id) != no_more.end())
        return fail(errc::usage, fmt::format("{} belongs to the session itself, and cannot be sent alone", name));
    return {};
}

int report_reply(const proto::reply& reply, const quote_job& job, const client::url& location) {
    const auto status = reply.code < 400 ? exit_status::ok : exit_status::refused;
    if (job.options.json) {
        std::string lines;
        for (const auto& line : reply.lines) lines += (lines.empty() ? "" : ",") + json_string(line);
        fmt::print("{}\n", fmt::format(R"({{"ok":{},"exit_code":{},"url":{},"reply_code":{},"lines":[{}]}})",
                                       status == exit_status::ok, static_cast<int>(status), json_string(location.text()),
                                       reply.code, lines));
    } else {
        for (std::size_t i = 0; i < reply.lines.size(); ++i)
            fmt::print("{}{}{}\n", reply.code, i + 1 == reply.lines.size() ? ' ' : '-', display_text(reply.lines[i]));
    }
    return static_cast<int>(status);
}

result<session_result<proto::reply>> send(const client::url& location, const client_options& given,
                                          const session_work<proto::reply>& work) {
    if (kept_site::any() != nullptr) return run_on_kept(location, given, work);
    const auto options = given.for_site(location);
    if (!options) return std::unexpected(options.error());
    auto how = options->session(location);
    if (!how) return std::unexpected(std::move(how.error()));
    return run_session(location, std::move(*how), {}, work);
}

int run_quote(const quote_job& job) {
    auto location = parse_location(job.url);
    if (!location) return report_error("quote", location.error(), exit_status::usage);
    const std::string line = fmt::format("{}", fmt::join(job.words, " "));
    const auto blank = std::min(line.find(' '), line.size());
    const std::string name = to_upper(line.substr(0, blank));
    const std::string argument = line.substr(std::min(blank + 1, line.size()));
    if (const auto checked = check_quoted(name); !checked) return report_error("quote", checked.error(), exit_status::usage);
    const session_work<proto::reply> work = [&](client::session& session) {
        return session.quote(location->path, name, argument);
    };
    const auto sent = send(*location, job.options, work);
    if (!sent) return report_error("quote", sent.error(), exit_status::usage);
    if (sent->got) return report_reply(*sent->got, job, *location);
    fmt::print(stderr, "sallyport quote: {}\n", failure_line(sent->got.error()));
    if (job.options.json) fmt::print("{}\n", failure_json(location->text(), sent->got.error(), {}));
    return static_cast<int>(status_of(sent->got.error()));
}

}  // namespace

void add_quote_command(CLI::App& app, int& exit_code) {
    auto job = std::make_shared<quote_job>();
    CLI::App* command = app.add_subcommand("quote", "Send one FTP command to a server and print its reply");
    command_table table;
    table.add("Arguments",
              {{"URL", "", required(text(job->url)),
                fmt::format("The server, and the directory in which the command is sent: {}", location_forms)},
               {"COMMAND", "", required(texts(job->words)), "The command with its arguments, such as SITE HELP"}});
    job->options.add_to(table);
    set_table(*command, std::move(table));
    set_client_callback(*command, job->options, exit_code, [job] { return run_quote(*job); });
}

}  // namespace sallyport::cli
