#pragma once
// A connection to an SQLite database, and the rows of its tables. What the file is and what its user can do about a failure,
// its owner knows: it makes the errors (`refusal`).
//
// Owned by one object, which may be moved; one thread at a time. Every call may block on the disk, and on locks of other
// programs for the time given to open(). What was not committed is undone with the connection. Settings in the file cannot
// make the library do more than read and write tables.

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include <sallyport/base/error.hpp>

struct sqlite3;
struct sqlite3_stmt;

namespace sallyport {

/// A row of a query. Valid during the call that gets it.
class sqlite_row {
public:
    explicit sqlite_row(sqlite3_stmt* query) noexcept : query_(query) {}
    [[nodiscard]] std::string text(int column) const;
    [[nodiscard]] std::int64_t number(int column) const noexcept;

private:
    sqlite3_stmt* query_;
};

class sqlite_connection {
public:
    /// What is bound to a parameter.
    using value = std::variant<std::string_view, std::int64_t>;
    /// The error for a result code: what SQLite says about it, and the errno of its last system call, or 0.
    using refusal = std::function<error(int code, std::string_view text, int os)>;
    enum class access : std::uint8_t { read, change };

    /// Without a database, until one from open() is assigned.
    sqlite_connection() = default;
    /// The file must exist.
    [[nodiscard]] static result<sqlite_connection> open(const std::string& file, access how,
                                                        std::chrono::milliseconds max_wait, refusal refuse);
    explicit operator bool() const noexcept { return connection_ != nullptr; }

    /// errc::unsupported if the schema has a higher number than `newest`; the refusal of SQLITE_NOTADB if the file belongs
    /// to another application.
    [[nodiscard]] result<void> check_schema(const std::string& file, std::int64_t application, std::int64_t newest);

    /// Statements without parameters, whose rows are not needed.
    [[nodiscard]] result<void> run(const std::string& statements);
    [[nodiscard]] result<void> change(std::string_view statement, std::initializer_list<value> values);
    /// The rows that the last change() has changed.
    [[nodiscard]] std::int64_t changed_rows() const noexcept;

    /// make(row) of all rows.
    template <class Make>
    [[nodiscard]] result<std::vector<std::invoke_result_t<Make&, sqlite_row>>> all(std::string_view query,
                                                                                   std::initializer_list<value> values,
                                                                                   Make make) {
        std::vector<std::invoke_result_t<Make&, sqlite_row>> out;
        const auto done = visit(query, values, [&](sqlite_row row) {
            out.push_back(make(row));
            return true;
        });
        if (!done) return std::unexpected(done.error());
        return out;
    }
    /// make(row) of the first row; nothing if there is none.
    template <class Make>
    [[nodiscard]] result<std::optional<std::invoke_result_t<Make&, sqlite_row>>> first(std::string_view query,
                                                                                       std::initializer_list<value> values,
                                                                                       Make make) {
        std::optional<std::invoke_result_t<Make&, sqlite_row>> out;
        const auto done = visit(query, values, [&](sqlite_row row) {
            out.emplace(make(row));
            return false;
        });
        if (!done) return std::unexpected(done.error());
        return out;
    }
    /// The number in the first column of the first row.
    [[nodiscard]] result<std::int64_t> number(std::string_view query);

    /// Replaces the content of this database by that of `other`.
    [[nodiscard]] result<void> copy_from(const sqlite_connection& other);

private:
    struct close_connection {
        void operator()(sqlite3* connection) const noexcept;
    };

    /// Calls `take` with each row, until it returns false.
    [[nodiscard]] result<void> visit(std::string_view query, std::initializer_list<value> values,
                                     const std::function<bool(sqlite_row)>& take);
    [[nodiscard]] std::unexpected<error> failure(int code) const;

    refusal refuse_;
    std::unique_ptr<sqlite3, close_connection> connection_;
};

}  // namespace sallyport
