#include <sallyport/base/sqlite_connection.hpp>

#include <filesystem>
#include <utility>

#include <fmt/format.h>
#include <sqlite3.h>

#include <sallyport/base/overloaded.hpp>

namespace sallyport {
namespace {

struct end_statement {
    void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
};

int bind(sqlite3_stmt* statement, int position, const sqlite_connection::value& to) {
    const auto bind_one = overloaded{[&](std::string_view text) {
                                         return sqlite3_bind_text64(statement, position, text.data(), text.size(),
                                                                    SQLITE_TRANSIENT, SQLITE_UTF8);
                                     },
                                     [&](std::int64_t n) { return sqlite3_bind_int64(statement, position, n); }};
    return std::visit(bind_one, to);
}

}  // namespace

std::string sqlite_row::text(int column) const {
    const auto* const found = reinterpret_cast<const char*>(sqlite3_column_text(query_, column));
    if (found == nullptr) return {};
    return {found, static_cast<std::size_t>(sqlite3_column_bytes(query_, column))};
}

std::int64_t sqlite_row::number(int column) const noexcept { return sqlite3_column_int64(query_, column); }

void sqlite_connection::close_connection::operator()(sqlite3* connection) const noexcept { sqlite3_close_v2(connection); }

result<sqlite_connection> sqlite_connection::open(const std::string& file, access how, std::chrono::milliseconds max_wait,
                                                  refusal refuse) {
    sqlite_connection out;
    out.refuse_ = std::move(refuse);
    // Some relative names mean something else to SQLite.
    const auto path = std::filesystem::absolute(file);
    const int flags = how == access::read ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    sqlite3* made = nullptr;
    // Its own thread, no shared cache.
    const int code = sqlite3_open_v2(path.c_str(), &made, flags | SQLITE_OPEN_NOMUTEX, nullptr);
    out.connection_.reset(made);
    if (code != SQLITE_OK) return out.failure(code);
    sqlite3_extended_result_codes(made, 1);
    sqlite3_busy_timeout(made, static_cast<int>(max_wait.count()));
    sqlite3_db_config(made, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(made, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    return out;
}

result<void> sqlite_connection::check_schema(const std::string& file, std::int64_t application, std::int64_t newest) {
    const auto owner = number("PRAGMA application_id");
    if (!owner) return std::unexpected(owner.error());
    if (*owner != application) return failure(SQLITE_NOTADB);
    const auto version = number("PRAGMA user_version");
    if (!version) return std::unexpected(version.error());
    if (*version <= newest) return {};
    return fail(errc::unsupported,
                fmt::format("{}: has schema {}, which this version does not know; use a newer version", file, *version));
}

result<void> sqlite_connection::run(const std::string& statements) {
    const int code = sqlite3_exec(connection_.get(), statements.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return failure(code);
    return {};
}

result<void> sqlite_connection::change(std::string_view statement, std::initializer_list<value> values) {
    return visit(statement, values, [](sqlite_row) { return true; });
}

std::int64_t sqlite_connection::changed_rows() const noexcept { return sqlite3_changes64(connection_.get()); }

result<std::int64_t> sqlite_connection::number(std::string_view query) {
    const auto found = first(query, {}, [](sqlite_row row) { return row.number(0); });
    if (!found) return std::unexpected(found.error());
    return found->value_or(0);
}

result<void> sqlite_connection::copy_from(const sqlite_connection& other) {
    auto* const copy = sqlite3_backup_init(connection_.get(), "main", other.connection_.get(), "main");
    if (copy == nullptr) return failure(sqlite3_errcode(connection_.get()));
    const int stepped = sqlite3_backup_step(copy, -1);
    sqlite3_backup_finish(copy);
    return stepped == SQLITE_DONE ? result<void>() : failure(stepped);
}

result<void> sqlite_connection::visit(std::string_view query, std::initializer_list<value> values,
                                      const std::function<bool(sqlite_row)>& take) {
    sqlite3_stmt* made = nullptr;
    const int code = sqlite3_prepare_v2(connection_.get(), query.data(), static_cast<int>(query.size()), &made, nullptr);
    const std::unique_ptr<sqlite3_stmt, end_statement> statement(made);
    if (code != SQLITE_OK) return failure(code);
    int position = 0;
    for (const auto& one : values)
        if (const int bound = bind(made, ++position, one); bound != SQLITE_OK) return failure(bound);
    for (;;) {
        const int stepped = sqlite3_step(made);
        if (stepped == SQLITE_DONE) return {};
        if (stepped != SQLITE_ROW) return failure(stepped);
        if (!take(sqlite_row(made))) return {};
    }
}

std::unexpected<error> sqlite_connection::failure(int code) const {
    const char* const text = connection_ ? sqlite3_errmsg(connection_.get()) : sqlite3_errstr(code);
    return std::unexpected(refuse_(code & 0xff, text, connection_ ? sqlite3_system_errno(connection_.get()) : 0));
}

}  // namespace sallyport
