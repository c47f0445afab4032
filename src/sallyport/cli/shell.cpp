#include <sallyport/cli/shell.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <ranges>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/closest.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/cli/advice_text.hpp>
#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/entry_text.hpp>
#include <sallyport/cli/exit_code.hpp>
#include <sallyport/cli/help.hpp>
#include <sallyport/cli/option_layers.hpp>
#include <sallyport/cli/option_text.hpp>
#include <sallyport/cli/run_on_kept.hpp>
#include <sallyport/cli/shell_completion.hpp>
#include <sallyport/cli/site_names.hpp>
#include <sallyport/cli/transfer_result.hpp>
#include <sallyport/client/remote_file.hpp>

namespace sallyport::cli {
namespace {

namespace fs = std::filesystem;

int refuse_shell(std::string why) {
    return report_error("shell", error{errc::usage, 0, std::move(why)}, exit_status::usage);
}

int report_local(const std::error_code& why, const std::string& name) {
    return report_error("shell", error{from_errno(why.value()), why.value(), name}, exit_status::local_file);
}

/// Parses and runs a command line of the program, without its first word.
int run_program(void (*add)(CLI::App&, int&), std::vector<std::string> words) {
    CLI::App program("", "sallyport");
    program.require_subcommand(1);
    program.failure_message([](const CLI::App* app, const CLI::Error& why) { return wrong_usage(*app, why); });
    int exit_code = 0;
    add(program, exit_code);
    std::ranges::reverse(words);
    try {
        program.parse(std::move(words));
    } catch (const CLI::ParseError& e) {
        return program.exit(e) == 0 ? 0 : 2;
    } catch (const std::exception& e) {
        fmt::print(stderr, "sallyport: a bug, please report it: {}\n", e.what());
        return 1;
    }
    return exit_code;
}

/// Runs a command with the system's shell; its exit code.
int run_system(const std::string& command) {
    std::fflush(nullptr);
    const int status = std::system(command.c_str());
    if (status == -1) return report_error("shell", error{from_errno(errno), errno, "sh"}, exit_status::local_file);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string environment_or(const char* name, std::string otherwise) {
    const char* const value = std::getenv(name);
    return value != nullptr && *value != '\0' ? value : std::move(otherwise);
}

std::optional<std::string> content_of(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::string out{std::istreambuf_iterator<char>(in), {}};
    if (in.bad() || !in.is_open()) return std::nullopt;
    return out;
}

net::task<client::outcome<std::string>> enter_on(client::session& on, std::string path) {
    auto where = co_await on.absolute(path);
    if (!where) co_return std::unexpected(std::move(where.error()));
    auto entered = co_await on.quote(*where, "PWD", "");
    if (!entered) co_return std::unexpected(std::move(entered.error()));
    co_return std::move(*where);
}

std::string without_last_slash(std::string path) {
    if (path.size() > 1 && path.ends_with('/')) path.pop_back();
    return path;
}

/// A directory of this machine for one file, which is removed with everything in it unless it is to stay.
class temporary_directory {
public:
    temporary_directory() : path_((fs::temp_directory_path() / "sallyport-XXXXXX").string()) {
        if (::mkdtemp(path_.data()) == nullptr) path_.clear();
    }
    ~temporary_directory() {
        std::error_code ignored;
        if (!path_.empty() && !stays_) fs::remove_all(path_, ignored);
    }
    temporary_directory(const temporary_directory&) = delete;
    temporary_directory& operator=(const temporary_directory&) = delete;

    /// Empty: it could not be made.
    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    void set_stays(bool stays) noexcept { stays_ = stays; }

private:
    std::string path_;
    bool stays_ = false;
};

/// Another server must not get the password of this one.
bool may_name_other_servers(const shell_verb& verb, const command_words& arguments) {
    return std::ranges::any_of(arguments, [&verb](const auto& each) {
        return each.text.contains("://") || (each.text.starts_with("--from-file") && verb.use != argument_use::local_files);
    });
}

int print_help_of(const shell_verb& verb) {
    fmt::print("{} {}\n    {}\n{}", verb.name, verb.form, verb.help, groups_text(options_of(verb), terminal_width()));
    return 0;
}

int print_help(const command_words& arguments) {
    if (!arguments.empty()) {
        const auto* const verb = find_verb_of_shell(arguments.front().text);
        if (verb == nullptr) return refuse_shell("there is no such command; 'help' lists them");
        return print_help_of(*verb);
    }
    for (const auto& each : shell_verbs()) fmt::print("{:<36} {}\n", fmt::format("{} {}", each.name, each.form), each.help);
    constexpr auto notes =
        "Names on the server are relative to its current directory; *, ?, [] and ** match names, and quotes keep them as "
        "they "
        "are. ';' separates commands. Ctrl-C ends the command that runs.";
    fmt::print("\n{}", wrapped(notes, terminal_width(), 0));
    return 0;
}

}  // namespace

// ---- The connection

client::outcome<std::string> shell::enter(const std::string& path) {
    const session_work<std::string> work = [&path](client::session& on) { return enter_on(on, path); };
    auto got = run_on_kept(place_.site, options_, work);
    return std::move(got.got);
}

int shell::connect(const client::url& site, const std::string& path, const std::optional<client::credentials>& login) {
    names_.reset();
    site_.reset();
    auto made = kept_site::make(site, options_, login);
    if (!made) return report_error("shell", made.error(), exit_status::usage);
    site_ = std::move(*made);
    site_->set_transcript(prints_transcript_);
    place_ = {site, {}};
    auto home = enter("");
    auto entered = home && !path.empty() ? enter(path) : home;
    if (!entered) {
        fmt::print(stderr, "sallyport shell: {}\n", failure_line(entered.error()));
        site_.reset();
        return static_cast<int>(status_of(entered.error()));
    }
    home_ = without_last_slash(*home);
    place_.directory = without_last_slash(std::move(*entered));
    names_.emplace(*site_);
    return 0;
}

int shell::open(const std::string& url) {
    auto location = parse_location(url);
    if (!location) return report_error("shell", location.error(), exit_status::usage);
    prints_transcript_ = options_.verbose;
    const auto path = std::exchange(location->path, {});
    return connect(*location, path, std::nullopt);
}

int shell::take_signal() { return site_ ? std::exchange(site_->signal, 0) : 0; }

std::string shell::prompt() const {
    if (!site_) return "sallyport> ";
    return fmt::format("{}:{}> ", escape(place_.site.host, 60), escape(place_.directory, 60));
}

std::optional<completion> shell::complete(std::string_view typed) {
    return complete_line(typed, place_, names_ ? &*names_ : nullptr);
}

// ---- Commands

int shell::run(const command_words& words) {
    const auto& name = words.front().text;
    const auto* const verb = find_verb_of_shell(name);
    if (verb == nullptr) {
        std::vector<std::string> known;
        for (const auto& each : shell_verbs()) known.emplace_back(each.name);
        return refuse_shell(
            fmt::format("unknown command {}{}", escape(name, 100), did_you_mean(name, known, "'help' lists the commands")));
    }
    const command_words arguments(words.begin() + 1, words.end());
    const int code = verb->add != nullptr ? run_client(*verb, arguments) : run_own(name, arguments);
    if (verb->changes && names_) names_->forget();
    std::fflush(stdout);
    return code;
}

result<std::vector<std::string>> shell::client_words(const shell_verb& verb, const command_words& arguments) const {
    if (!site_ && std::ranges::none_of(arguments, [](const auto& each) { return each.text == "--help"; }))
        return fail(errc::usage, fmt::format("{}: there is no connection; use 'open URL'", verb.name));
    int ignored = 0;
    CLI::App program("", "sallyport");
    verb.add(program, ignored);
    const auto* const command = program.get_subcommands({}).front();
    const auto& table = table_of(*command);
    if (verb.use != argument_use::ftp_command)
        for (const auto& each : options_in(table, arguments))
            if (is_connection_option(each))
                return fail(errc::usage, fmt::format("{} {} belongs to the connection; use 'set', or 'sallyport shell {}'",
                                                     verb.name, escape(each, 60), escape(each, 60)));
    auto given = arguments;
    if (verb.name == "site") given.insert(given.begin(), command_word{"SITE", "SITE", 0});
    auto words = client_arguments(table, verb.use, given, place_);
    if (!words) return fail(errc::usage, fmt::format("{}: {}", verb.name, words.error().what));
    const auto given_options = options_in(table, arguments);
    for (const auto& [name, is_wanted] : {std::pair("--quiet", options_.quiet), std::pair("--json", options_.json)})
        if (is_wanted && std::ranges::find(given_options, name) == given_options.end()) words->insert(words->begin(), name);
    words->insert(words->begin(), command->get_name());
    return words;
}

int shell::run_client(const shell_verb& verb, const command_words& arguments) {
    auto words = client_words(verb, arguments);
    if (!words) return refuse_shell(words.error().what);
    return run_program(verb.add, std::move(*words));
}

// ---- Commands in the background

/// A process of its own, which gets the options of the connection on its command line, and the password in its environment.
int shell::run_in_background(const command_words& arguments) {
    const auto* const verb = arguments.empty() ? nullptr : find_verb_of_shell(arguments.front().text);
    if (verb == nullptr || verb->add == nullptr)
        return refuse_shell("bg: name a command that works on the server, such as 'bg get NAME'");
    const command_words given(arguments.begin() + 1, arguments.end());
    if (may_name_other_servers(*verb, given))
        return refuse_shell("bg: it is for the server of the shell; run 'sallyport' itself for URLs");
    auto words = client_words(*verb, given);
    if (!words) return refuse_shell(words.error().what);
    if (!site_) return run_program(verb->add, std::move(*words));
    const auto values = options_.values_for(place_.site);
    if (!values) return refuse_shell(values.error().what);
    int ignored = 0;
    CLI::App program("", "sallyport");
    verb->add(program, ignored);
    const auto* const command = program.get_subcommands({}).front();
    std::vector<std::string> options{"--no-config"};
    const auto& login = site_->login();
    if (!place_.site.user && login.user != client::credentials{}.user) options.push_back("--user=" + login.user);
    for (const auto& [key, texts] : known_to(*command, *values))
        for (const auto& each : texts)
            if (is_connection_option("--" + key) && key != "user" && key != "password-command" && key != "no-config")
                options.push_back(fmt::format("--{}={}", key, each));
    words->insert(words->begin() + 1, options.begin(), options.end());
    std::string title;
    for (const auto& each : arguments) title += (title.empty() ? "" : " ") + each.text;
    const auto number = jobs_.start(title, std::move(*words), login.password);
    if (!number) return report_error("shell", number.error(), exit_status::local_file);
    fmt::print("[{}] {}\n", *number, display_text(title));
    return 0;
}

int shell::run_on_jobs(std::string_view name, const command_words& arguments) {
    if (name == "jobs") {
        report_jobs();
        fmt::print("{}", jobs_.list());
        return 0;
    }
    auto numbers = jobs_.numbers();
    if (name == "fg" && numbers.size() > 1) numbers = {numbers.back()};
    if (!arguments.empty()) numbers = {static_cast<int>(parse_decimal(arguments.front().text, 1'000'000).value_or(0))};
    if (name == "kill" && arguments.empty()) return refuse_shell("kill: name the number of a command; see 'jobs'");
    if (name == "fg" && numbers.empty()) return refuse_shell("fg: there is no command in the background");
    const auto refuse_number = [name](int number) {
        return refuse_shell(fmt::format("{}: there is no command {} in the background; see 'jobs'", name, number));
    };
    if (name == "kill") return jobs_.kill(numbers.front()) ? 0 : refuse_number(numbers.front());
    int first_failure = 0;
    for (const int each : numbers) {
        const auto code = jobs_.wait_for(each);
        if (!code) return refuse_number(each);
        if (first_failure == 0) first_failure = *code;
    }
    if (names_) names_->forget();
    return first_failure;
}

void shell::report_jobs() {
    if (jobs_.report_ended() && names_) names_->forget();
}

int shell::end() {
    report_jobs();
    const auto count = jobs_.numbers().size();
    if (count == 0) return 0;
    fmt::print(stderr, "sallyport shell: waiting for {} in the background; Ctrl-C ends {}\n",
               count == 1 ? "a command" : fmt::format("{} commands", count), count == 1 ? "it" : "each");
    return run_on_jobs("wait", {});
}

// ---- Commands of the shell's own

int shell::run_own(std::string_view name, const command_words& arguments) {
    const auto first = arguments.empty() ? std::string() : arguments.front().text;
    if (name == "exit" || name == "quit") {
        has_ended_ = true;
        return 0;
    }
    if (name == "help") return print_help(arguments);
    if (name == "open") return arguments.size() == 1 ? open(first) : refuse_shell("open: name one URL, or a site as NAME:");
    if (name == "!") return run_system(first.empty() ? environment_or("SHELL", "/bin/sh") : first);
    if (name == "lls") {
        std::string line = "ls";
        for (const auto& each : arguments) line += ' ' + shell_word(each.text);
        return run_system(line);
    }
    std::error_code failed;
    if (name == "lpwd") {
        fmt::print("{}\n", display_text(fs::current_path(failed).string()));
        return failed ? report_local(failed, "the working directory") : 0;
    }
    if (name == "lcd") {
        const auto target = arguments.empty() ? environment_or("HOME", "/") : first;
        fs::current_path(target, failed);
        return failed ? report_local(failed, target) : 0;
    }
    if (name == "jobs" || name == "fg" || name == "wait" || name == "kill") return run_on_jobs(name, arguments);
    if (name == "bg") return run_in_background(arguments);
    if (name == "set") return set_option(arguments);
    if (name == "debug") return debug(arguments);
    if (name == "bookmark" && arguments.empty()) return run_program(add_sites_command, {"sites", "list"});
    if (!site_) return refuse_shell(fmt::format("{}: there is no connection; use 'open URL'", name));
    if (name == "cd") return change_directory(arguments);
    if (name == "edit") return edit(arguments);
    if (name == "bookmark") return bookmark(arguments);
    fmt::print("{}\n", display_text(place_.directory));
    return 0;
}

int shell::change_directory(const command_words& arguments) {
    if (arguments.size() > 1) return refuse_shell("cd: name one directory");
    auto entered = enter(arguments.empty() ? home_ : place_.path_of(arguments.front().text));
    if (!entered) {
        fmt::print(stderr, "sallyport shell: {}\n", failure_line(entered.error()));
        return static_cast<int>(status_of(entered.error()));
    }
    place_.directory = without_last_slash(std::move(*entered));
    return 0;
}

/// The file is compared by its content, as not every server reports sizes and times that tell versions apart.
int shell::edit(const command_words& arguments) {
    if (arguments.size() != 1) return refuse_shell("edit: name one file");
    const auto path = place_.path_of(arguments.front().text);
    const auto url = place_.url_of(arguments.front().text);
    temporary_directory edited;
    const temporary_directory compared;
    if (edited.path().empty() || compared.path().empty())
        return report_error("shell", error{from_errno(errno), errno, "a temporary directory"}, exit_status::local_file);
    const auto fetch = [&url](const std::string& into) {
        return run_program(add_get_command, {"get", "--quiet", "--no-glob", "-O", into, "--", url});
    };
    if (const int code = fetch(edited.path()); code != 0) return code;
    const auto name = client::last_component(path);
    const auto file = fs::path(edited.path()) / name;
    const auto before = content_of(file);
    const auto editor = environment_or("VISUAL", environment_or("EDITOR", "vi"));
    if (const int code = run_system(editor + ' ' + shell_word(file.string())); code != 0) {
        edited.set_stays(true);
        return report_error("shell",
                            error{errc::usage, 0,
                                  fmt::format("edit: '{}' failed with exit code {}, so nothing was put back; the file is {}",
                                              editor, code, file.string())},
                            exit_status::local_file);
    }
    const auto after = content_of(file);
    if (!before || !after) return report_local(std::make_error_code(std::errc::io_error), file.string());
    if (*before == *after) {
        fmt::print("unchanged\n");
        return 0;
    }
    edited.set_stays(true);
    const int code = fetch(compared.path());
    const auto now = code == 0 ? content_of(fs::path(compared.path()) / name) : std::nullopt;
    if (now != before)
        return report_error(
            "shell",
            error{errc::usage, 0,
                  fmt::format("edit: {} has changed on the server meanwhile, so it was not put back; your version "
                              "is {}; compare the two, and use 'put'",
                              escape(path, 200), file.string())},
            exit_status::refused);
    const int put = run_program(add_put_command, {"put", "--quiet", "--", file.string(), url});
    if (put != 0) fmt::print(stderr, "sallyport shell: edit: your version is {}; use 'put' to try again\n", file.string());
    edited.set_stays(put != 0);
    return put;
}

int shell::debug(const command_words& arguments) {
    const auto word = arguments.empty() ? std::string(prints_transcript_ ? "off" : "on") : arguments.front().text;
    if (word != "on" && word != "off") return refuse_shell("debug: use on or off");
    prints_transcript_ = word == "on";
    if (site_) site_->set_transcript(prints_transcript_);
    return 0;
}

int shell::bookmark(const command_words& arguments) {
    auto here = place_.site;
    if (!here.user && site_->login().user != client::credentials{}.user) here.user = site_->login().user;
    here.path = place_.directory;
    std::vector<std::string> words{"sites", "add"};
    command_table settings;
    client_options().add_settings_to(settings);
    for (const auto& group : settings.groups)
        for (const auto& row : group.rows)
            if (const auto given = options_.sources.given.find(key_of(row)); given != options_.sources.given.end())
                for (const auto& value : given->second) words.push_back(fmt::format("--{}={}", given->first, value));
    for (const auto& each : arguments) words.push_back(each.text);
    words.push_back(here.text());
    return run_program(add_sites_command, std::move(words));
}

int shell::set_option(const command_words& arguments) {
    if (arguments.empty()) {
        for (const auto& [key, values] : options_.sources.given)
            for (const auto& value : is_connection_option("--" + key) ? values : std::vector<std::string>{})
                fmt::print("{} = {}\n", key, key == "user" ? "..." : display_text(value));
        return 0;
    }
    auto key = arguments.front().text;
    key.erase(0, std::min(key.find_first_not_of('-'), key.size()));
    if (!is_connection_option("--" + key))
        return refuse_shell(fmt::format("set: there is no option '{}' of the connection; 'sallyport help shell' lists them",
                                        escape(key, 60)));
    option_values changed;
    for (const auto& each : arguments | std::views::drop(1)) changed[key].push_back(each.text);
    if (changed.empty()) changed[key] = {"true"};
    auto given = without_overridden(options_.sources.given, changed);
    given.merge(changed);
    auto next = options_.with(given);
    if (!next) return refuse_shell(fmt::format("set: {}", next.error().what));
    options_ = std::move(*next);
    if (!site_) return 0;
    const auto login = key == "user" || key == "password-command" ? std::nullopt : std::optional(site_->login());
    const auto site = place_.site;
    const auto directory = place_.directory;
    return connect(site, directory, login);
}

}  // namespace sallyport::cli
