// sallyport user: hashes passwords, so that the configuration contains no plain password.

#include <array>
#include <iostream>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <sodium.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/cli/prompt_password.hpp>

namespace sallyport::cli {
namespace {

/// From the terminal without echo, or the first line of standard input if it is a pipe.
std::string read_password() {
    if (isatty(STDIN_FILENO) == 1) return prompt_password("Password: ").value_or("");
    std::string line;
    std::getline(std::cin, line);
    return line;
}

int hash_password() {
    std::string password = read_password();
    if (password.empty()) {
        fmt::print(stderr, "sallyport user hash: no password on standard input; type one, or pipe it in\n");
        return 2;
    }
    std::array<char, crypto_pwhash_STRBYTES> hash{};
    if (sodium_init() < 0 ||
        crypto_pwhash_str(hash.data(), password.data(), password.size(), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                          crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0) {
        fmt::print(stderr, "sallyport user hash: not enough memory for argon2id (64 MiB); free some and try again\n");
        return 1;
    }
    sodium_memzero(password.data(), password.size());
    fmt::print("{}\n", hash.data());
    return 0;
}

}  // namespace

void add_user_command(CLI::App& app, int& exit_code) {
    CLI::App* command = app.add_subcommand("user", "Manage passwords for server accounts");
    command->require_subcommand(1);
    set_table(*command, {});
    CLI::App* hash = command->add_subcommand("hash", "Read a password from standard input and print its argon2id hash");
    set_table(*hash, {.notes = "Use it in a configuration file:\n  user = [\"scanner:$argon2id$...\"]\n\n"
                               "Exit codes: 0 success, 1 not enough memory, 2 no password given."});
    hash->callback([&exit_code] { exit_code = hash_password(); });
}

}  // namespace sallyport::cli
