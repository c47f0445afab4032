#pragma once
// A SQLite database of accounts: names, password hashes, and settings as the text of a section [user.NAME].
//
// A change is made in a copy (FILE.new), which replaces the file when it is complete and on the disk: so a reader needs no
// right to write, needs no lock of another command, and never meets what a killed command has left. A reader keeps the state
// with which it was opened. Commands that make changes wait for each other; a program that writes into the file itself may
// lose its change. The schema has a number; a newer one is refused.
//
// One thread at a time; opening and every call may block on the disk or on a lock, for a limited time. The object owns its
// connection. Errors name the file, the cause and the next step; errc::busy: locked by another program.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/base/sqlite_connection.hpp>
#include <sallyport/base/unique_fd.hpp>

namespace sallyport::server {

struct stored_user {
    std::string name;
    // A hash for parse_secret().
    std::string password;
    // TOML: the keys of the account.
    std::string settings;
    friend bool operator==(const stored_user&, const stored_user&) = default;
};

enum class database_access : std::uint8_t {
    read,
    // The file must exist.
    change,
    // The file is made by commit() if it does not exist, with the owner of its directory and mode 0640.
    create,
};

class user_database {
public:
    user_database(user_database&& other) noexcept;
    user_database& operator=(user_database&&) = delete;
    ~user_database();
    [[nodiscard]] static result<user_database> open(const std::string& file, database_access how);

    [[nodiscard]] result<std::optional<stored_user>> find(std::string_view name);
    /// One hash of each cost_of_hash() among all accounts.
    [[nodiscard]] result<std::vector<std::string>> one_hash_of_each_cost();
    /// In the order of their names.
    [[nodiscard]] result<std::vector<stored_user>> all();

    /// Changes, which commit() makes: all of them, or none if it is not called. This one adds the account, or replaces it.
    [[nodiscard]] result<void> put(const stored_user& user);
    /// False if there is no such account.
    [[nodiscard]] result<bool> remove(std::string_view name);
    /// The last call. When it returns, the changes are on the disk.
    [[nodiscard]] result<void> commit();

private:
    explicit user_database(std::string file);
    [[nodiscard]] result<void> connect(const std::string& file, sqlite_connection::access how);
    [[nodiscard]] result<void> open_to_read();
    [[nodiscard]] result<void> open_to_change(database_access how);

    std::string file_;
    // While changes are made: the copy, and the directory, which is locked.
    std::string copy_;
    unique_fd lock_;
    // To the copy, if there is one.
    sqlite_connection connection_;
};

}  // namespace sallyport::server
