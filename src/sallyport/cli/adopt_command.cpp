#include <sallyport/cli/adopt_command.hpp>

#include <array>
#include <cerrno>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/error.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/cli/error_line.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/firewall/helper_rules.hpp>

namespace sallyport::cli {
namespace {

constexpr auto command_name = "sallyport gate adopt";
constexpr std::size_t shown_length = 2000;
// Kernels before 6.0 assign helpers by port without any rule if this is 1.
constexpr auto automatic_setting = "/proc/sys/net/netfilter/nf_conntrack_helper";

/// Runs a program of the search path without a shell. Its output; nothing if there is no such program.
result<std::optional<std::string>> output_of(const std::vector<std::string>& words) {
    std::array<int, 2> pipe_ends{};
    if (::pipe2(pipe_ends.data(), O_CLOEXEC) != 0) return fail_os(errno, words[0]);
    const unique_fd read_end(pipe_ends[0]);
    unique_fd write_end(pipe_ends[1]);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDOUT_FILENO);
    std::vector<char*> arguments;
    for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    pid_t process = 0;
    const int os = ::posix_spawnp(&process, arguments[0], &actions, nullptr, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (os == ENOENT) return std::nullopt;
    if (os != 0) return fail_os(os, words[0]);
    write_end.reset();
    std::string out;
    std::array<char, 65536> part;
    for (;;) {
        const auto got = ::read(read_end.get(), part.data(), part.size());
        if (got <= 0) break;
        out.append(part.data(), static_cast<std::size_t>(got));
    }
    int status = 0;
    ::waitpid(process, &status, 0);
    if (status != 0)
        return fail(errc::rejected, fmt::format("`{}` failed; run this command as root", fmt::join(words, " ")));
    return out;
}

result<std::vector<firewall::helper_rule>> find_rules() {
    std::vector<firewall::helper_rule> out;
    const auto listed = output_of({"nft", "-a", "list", "ruleset"});
    if (!listed) return std::unexpected(listed.error());
    if (*listed) out = firewall::ftp_helpers_of_nft(**listed);
    for (const std::string family : {"iptables", "ip6tables"}) {
        // Rules of both kinds can exist. A system without the two variants has one kind.
        bool variants = false;
        for (const auto* variant : {"-nft", "-legacy", ""}) {
            if (variant[0] == '\0' && variants) break;
            const auto command = family + variant;
            const auto saved = output_of({command + "-save", "-t", "raw"});
            if (!saved) return std::unexpected(saved.error());
            if (!*saved) continue;
            variants = true;
            for (auto& rule : firewall::ftp_helpers_of_iptables(**saved, command)) out.push_back(std::move(rule));
        }
    }
    int automatic = 0;
    if (std::ifstream(automatic_setting) >> automatic && automatic != 0)
        out.push_back({"kernel setting",
                       "net.netfilter.nf_conntrack_helper = 1",
                       {"sysctl", "-w", "net.netfilter.nf_conntrack_helper=0"}});
    return out;
}

/// A word as a shell reads it.
std::string quoted(const std::string& word) {
    constexpr auto plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=,+@";
    if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) return word;
    std::string out = "'";
    for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + '\'';
}

int adopt(bool apply) {
    const auto rules = find_rules();
    if (!rules) {
        fmt::print(stderr, "{}: {}\n", command_name, line_of(rules.error()));
        return 3;
    }
    if (rules->empty()) {
        fmt::print("No rule assigns the kernel's FTP helper to control connections before the gateway.\n");
        return 0;
    }
    fmt::print("The kernel's FTP helper and the gateway would both act on the sessions that these rules apply to:\n");
    bool all_removed = apply;
    for (const auto& rule : *rules) {
        std::vector<std::string> words;
        for (const auto& word : rule.removal) words.push_back(quoted(word));
        fmt::print(
            "\n{}:\n  {}\n{}\n  {}\n", escape(rule.place, shown_length), escape(rule.rule, shown_length),
            apply ? "removed by:" : "remove it with:", escape(fmt::format("{}", fmt::join(words, " ")), shown_length));
        if (!apply) continue;
        if (const auto removed = output_of(rule.removal); !removed || !*removed) {
            fmt::print(stderr, "{}: {}\n", command_name,
                       removed ? rule.removal[0] + " is not installed" : line_of(removed.error()));
            all_removed = false;
        }
    }
    fmt::print("\nRemove them from the configuration of your firewall too, which would load them again.\n");
    return all_removed ? 0 : 1;
}

}  // namespace

void add_adopt(CLI::App& gate, int& exit_code) {
    auto* const command =
        gate.add_subcommand("adopt", "Find rules that assign the kernel's FTP helper to sessions of the gateway");
    auto apply = std::make_shared<bool>(false);
    command_table table;
    table.add("Change", {{"--apply", "", flag(*apply), "Remove the rules that were found"}});
    table.notes =
        "Without --apply nothing is changed. It runs nft and iptables-save, as root.\n\n"
        "Exit codes: 0 nothing to remove, or all removed, 1 rules were found, or one could not be removed, 3 the rules "
        "cannot be "
        "read.";
    set_table(*command, std::move(table));
    command->callback([apply, &exit_code] { exit_code = adopt(*apply); });
}

}  // namespace sallyport::cli
