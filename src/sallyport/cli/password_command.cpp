#include <sallyport/cli/password_command.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <sys/wait.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/cli/command_words.hpp>
#include <sallyport/doctor/program_output.hpp>

namespace sallyport::cli {

result<std::string> password_from(std::string_view command) {
    const auto shown = "'" + escape(command, 200) + "'";
    const auto words = split_words(command);
    if (!words) return fail(errc::usage, fmt::format("{}: {}", shown, words.error().what));
    if (words->empty()) return fail(errc::usage, "the command is empty; name a program that prints the password");
    auto run = doctor::run_program(*words, doctor::program_messages::shown);
    if (!run) return std::unexpected(std::move(run.error()));
    if (!*run)
        return fail(errc::usage,
                    fmt::format("there is no program '{}'; install it, or correct the option", escape(words->front(), 100)));
    const auto& [output, status] = **run;
    if (status != 0)
        return fail(errc::usage, fmt::format("{} {}; run it on its own to see why", shown,
                                             WIFEXITED(status) ? fmt::format("failed with exit code {}", WEXITSTATUS(status))
                                                               : fmt::format("was ended by signal {}", WTERMSIG(status))));
    auto line = output.substr(0, output.find('\n'));
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty())
        return fail(errc::usage, fmt::format("{} printed no password; its first line has to be the password", shown));
    return line;
}

}  // namespace sallyport::cli
