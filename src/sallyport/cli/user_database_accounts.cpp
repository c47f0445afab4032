#include <sallyport/cli/user_database_accounts.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/escape.hpp>

namespace sallyport::cli {
namespace {

class database_accounts final : public server::stored_accounts {
public:
    database_accounts(std::string file, account_sections sections, std::string directory, vfs::sync_policy sync)
        : file_(std::move(file)), sections_(std::move(sections)), directory_(std::move(directory)), sync_(sync) {}

    result<server::found_account> find(const std::string& name) const override {
        auto database = server::user_database::open(file_, server::database_access::read);
        if (!database) return std::unexpected(std::move(database.error()));
        auto user = database->find(name);
        if (!user) return std::unexpected(std::move(user.error()));
        auto hashes = database->one_hash_of_each_cost();
        if (!hashes) return std::unexpected(std::move(hashes.error()));
        server::found_account out{.one_hash_of_each_cost = std::move(*hashes)};
        if (*user) {
            out.password = std::move((*user)->password);
            out.settings = std::move((*user)->settings);
        }
        return out;
    }

    result<server::account> account_of(const std::string& name, const std::string& settings) const override {
        const auto section = read_stored_settings(file_, name, settings);
        if (!section) return std::unexpected(section.error());
        return sections_.stored_account(name, *section, directory_, sync_);
    }

private:
    const std::string file_;
    const account_sections sections_;
    const std::string directory_;
    const vfs::sync_policy sync_;
};

}  // namespace

result<account_section> read_stored_settings(const std::string& file, const std::string& name, const std::string& settings) {
    const auto where = fmt::format("{}, account '{}'", file, escape(name, 100));
    try {
        return read_account_section(toml::parse(settings), stored_account_kind, where);
    } catch (const toml::parse_error& bad) {
        return fail(errc::usage,
                    fmt::format("{}, line {}: {}", where, bad.source().begin.line, escape(bad.description(), 300)));
    }
}

server::stored_accounts_ptr accounts_of_database(std::string file, account_sections sections, std::string directory,
                                                 vfs::sync_policy sync) {
    return std::make_shared<database_accounts>(std::move(file), std::move(sections), std::move(directory), sync);
}

result<std::vector<std::string>> homes_of_database(const std::string& file, const account_sections& sections,
                                                   const std::string& directory) {
    auto database = server::user_database::open(file, server::database_access::read);
    if (!database) return std::unexpected(std::move(database.error()));
    const auto users = database->all();
    if (!users) return std::unexpected(users.error());
    auto out = sections.homes_of_stored(directory);
    for (const auto& user : *users) {
        // Most have none, or one of their group.
        if (!user.settings.contains("home")) continue;
        const auto section = read_stored_settings(file, user.name, user.settings);
        if (!section) continue;
        auto home = sections.stored_home(user.name, *section, directory);
        if (home && is_outside(*home, directory)) out.push_back(std::move(*home));
    }
    std::ranges::sort(out);
    out.erase(std::ranges::unique(out).begin(), out.end());
    return out;
}

}  // namespace sallyport::cli
