#include <sallyport/cli/site_database.hpp>

#include <cerrno>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/overloaded.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/cli/self_signed_certificate.hpp>

namespace sallyport::cli {
namespace {

// "SALS", so that another program's database is not taken for one of these.
constexpr std::int64_t application = 0x53414c53;
constexpr std::int64_t newest_schema = 1;
// In milliseconds: a transfer waits no longer for another program that has locked the file.
constexpr int lock_wait = 200;

constexpr auto schema =
    "CREATE TABLE IF NOT EXISTS learned(host TEXT, port INTEGER, tls TEXT, user TEXT, network TEXT, name TEXT, "
    "value TEXT NOT NULL, since INTEGER NOT NULL, PRIMARY KEY(host, port, tls, user, network, name)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS trusted(host TEXT, port INTEGER, key TEXT NOT NULL, since INTEGER NOT NULL, "
    "PRIMARY KEY(host, port)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS site(name TEXT PRIMARY KEY, url TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS setting(site TEXT, key TEXT, position INTEGER, value TEXT NOT NULL, "
    "PRIMARY KEY(site, key, position)) STRICT, WITHOUT ROWID;"
    "PRAGMA application_id = 1396788307;"
    "PRAGMA user_version = 1;";
static_assert(application == 1396788307 && newest_schema == 1);

std::string text_of(sqlite3_stmt* row, int column) {
    const auto* const text = reinterpret_cast<const char*>(sqlite3_column_text(row, column));
    return text == nullptr ? std::string() : std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(row, column)));
}

/// The file and its directory, readable for their user alone.
result<void> make_file(const std::string& file) {
    std::error_code failed;
    const auto directory = std::filesystem::path(file).parent_path();
    if (std::filesystem::create_directories(directory, failed))
        std::filesystem::permissions(directory, std::filesystem::perms::owner_all, failed);
    if (failed) return fail_os(failed.value(), directory.string());
    const unique_fd made(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600));
    if (!made) return fail_os(errno, file);
    return {};
}

}  // namespace

std::string site_database_file() {
    const auto directory = state_directory();
    return directory.empty() ? directory : directory + "/sites.db";
}

void site_database::close_connection::operator()(sqlite3* connection) const noexcept { sqlite3_close_v2(connection); }
void site_database::end_statement::operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }

std::unexpected<error> site_database::refuse(int code) const {
    const auto say = [this](errc kind, std::string_view what) { return fail(kind, fmt::format("{}: {}", file_, what)); };
    switch (code & 0xff) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED: return say(errc::busy, "locked by another program; end it, or try again later");
        case SQLITE_FULL: return say(errc::no_space, "the disk is full; free some space");
        case SQLITE_NOTADB: return say(errc::io, "is no database of sites; move it to another place");
        case SQLITE_CORRUPT: return say(errc::io, "the database is damaged; remove it, and a new one is made");
        case SQLITE_NOMEM: return say(errc::exhausted, "not enough memory to read the database");
        case SQLITE_READONLY:
        case SQLITE_PERM:
            return say(
                errc::permission,
                fmt::format("user ID {} may not change it; give the file and its directory to this user", ::geteuid()));
        default: break;
    }
    const char* const text = connection_ ? sqlite3_errmsg(connection_.get()) : sqlite3_errstr(code);
    return say(errc::io,
               fmt::format("the database cannot be used ({}); check the file and its permissions", escape(text, 200)));
}

result<site_database> site_database::open(const std::string& file, site_access how) {
    if (file.empty()) return fail(errc::not_found, "there is no place for a database of sites; set HOME or XDG_STATE_HOME");
    struct ::stat about{};
    const bool exists = ::stat(file.c_str(), &about) == 0;
    if (!exists && errno != ENOENT && errno != ENOTDIR) return fail_os(errno, file);
    if (exists && !S_ISREG(about.st_mode)) return fail(errc::not_a_file, file + ": is no regular file; remove it");
    if (!exists && how == site_access::read) return fail(errc::not_found, file);
    if (!exists)
        if (auto made = make_file(file); !made) return std::unexpected(std::move(made.error()));
    site_database out(file);
    if (auto opened = out.connect(how); !opened) return std::unexpected(std::move(opened.error()));
    return out;
}

result<void> site_database::connect(site_access how) {
    sqlite3* made = nullptr;
    // Also for reading: what a killed client has begun is undone first. SQLite reads a file that it may not write, too.
    const int code = sqlite3_open_v2(file_.c_str(), &made, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
    connection_.reset(made);
    if (code != SQLITE_OK) return refuse(code);
    sqlite3_extended_result_codes(made, 1);
    sqlite3_busy_timeout(made, lock_wait);
    // Settings in the file cannot make the library do more than read and write tables.
    sqlite3_db_config(made, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(made, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    if (auto begun = run(how == site_access::change ? "BEGIN IMMEDIATE" : "BEGIN"); !begun) return begun;
    return check_schema(how);
}

result<void> site_database::check_schema(site_access how) {
    const auto kind = number("PRAGMA application_id");
    if (!kind) return std::unexpected(kind.error());
    const auto version = number("PRAGMA user_version");
    if (!version) return std::unexpected(version.error());
    const auto tables = number("SELECT count(*) FROM sqlite_schema");
    if (!tables) return std::unexpected(tables.error());
    is_empty_ = *tables == 0;
    if (*kind != application && !is_empty_) return refuse(SQLITE_NOTADB);
    if (*version > newest_schema)
        return fail(
            errc::unsupported,
            fmt::format("{}: has schema {}, which this version does not know; use a newer version", file_, *version));
    if (how == site_access::read) return {};
    is_empty_ = false;
    return run(schema);
}

result<void> site_database::run(const char* sql) {
    const int code = sqlite3_exec(connection_.get(), sql, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return refuse(code);
    return {};
}

result<site_database::statement> site_database::prepare(std::string_view sql, std::initializer_list<value> values) {
    sqlite3_stmt* made = nullptr;
    const int code = sqlite3_prepare_v2(connection_.get(), sql.data(), static_cast<int>(sql.size()), &made, nullptr);
    statement out(made);
    if (code != SQLITE_OK) return refuse(code);
    int position = 0;
    for (const auto& each : values) {
        ++position;
        const auto bind = overloaded{[&](std::string_view text) {
                                         return sqlite3_bind_text64(made, position, text.data(), text.size(),
                                                                    SQLITE_TRANSIENT, SQLITE_UTF8);
                                     },
                                     [&](std::int64_t n) { return sqlite3_bind_int64(made, position, n); }};
        if (const int bound = std::visit(bind, each); bound != SQLITE_OK) return refuse(bound);
    }
    return out;
}

result<bool> site_database::step(sqlite3_stmt* prepared) {
    const int code = sqlite3_step(prepared);
    if (code == SQLITE_ROW) return true;
    if (code != SQLITE_DONE) return refuse(code);
    return false;
}

result<void> site_database::change(std::string_view sql, std::initializer_list<value> values) {
    const auto prepared = prepare(sql, values);
    if (!prepared) return std::unexpected(prepared.error());
    const auto done = step(prepared->get());
    if (!done) return std::unexpected(done.error());
    return {};
}

result<std::int64_t> site_database::number(std::string_view sql) {
    const auto rows = prepare(sql, {});
    if (!rows) return std::unexpected(rows.error());
    const auto found = step(rows->get());
    if (!found) return std::unexpected(found.error());
    return *found ? sqlite3_column_int64(rows->get(), 0) : 0;
}

result<void> site_database::commit() { return run("COMMIT"); }

// ---- What was learned

result<std::vector<learned_fact>> site_database::learned(const site_key& of) {
    std::vector<learned_fact> out;
    if (is_empty_) return out;
    const auto rows = prepare(
        "SELECT name, value, since FROM learned WHERE host = ? AND port = ? AND tls = ? AND user = ? AND network = ?",
        {of.host, std::int64_t{of.port}, of.tls, of.user, of.network});
    if (!rows) return std::unexpected(rows.error());
    for (;;) {
        const auto found = step(rows->get());
        if (!found) return std::unexpected(found.error());
        if (!*found) return out;
        out.push_back({text_of(rows->get(), 0), text_of(rows->get(), 1), sqlite3_column_int64(rows->get(), 2)});
    }
}

result<void> site_database::learn(const site_key& of, const learned_fact& fact) {
    return change(
        "INSERT OR REPLACE INTO learned(host, port, tls, user, network, name, value, since) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
        {of.host, std::int64_t{of.port}, of.tls, of.user, of.network, fact.name, fact.value, fact.since});
}

result<void> site_database::unlearn(const site_key& of, std::string_view name) {
    return change("DELETE FROM learned WHERE host = ? AND port = ? AND tls = ? AND user = ? AND network = ? AND name = ?",
                  {of.host, std::int64_t{of.port}, of.tls, of.user, of.network, name});
}

result<void> site_database::remove_before(std::int64_t time) {
    return change("DELETE FROM learned WHERE since < ?", {time});
}

result<std::vector<stored_fact>> site_database::learned_of(std::string_view host, std::uint16_t port) {
    std::vector<stored_fact> out;
    if (is_empty_) return out;
    const auto rows = prepare(
        "SELECT tls, user, network, name, value, since FROM learned WHERE host = ? AND port = ? "
        "ORDER BY user, network, tls, name",
        {host, std::int64_t{port}});
    if (!rows) return std::unexpected(rows.error());
    for (auto* const row = rows->get();;) {
        const auto found = step(row);
        if (!found) return std::unexpected(found.error());
        if (!*found) return out;
        out.push_back({{std::string(host), port, text_of(row, 0), text_of(row, 1), text_of(row, 2)},
                       {text_of(row, 3), text_of(row, 4), sqlite3_column_int64(row, 5)}});
    }
}

result<void> site_database::forget(std::string_view host, std::uint16_t port) {
    auto done = change("DELETE FROM learned WHERE host = ? AND port = ?", {host, std::int64_t{port}});
    if (done) done = change("DELETE FROM trusted WHERE host = ? AND port = ?", {host, std::int64_t{port}});
    return done;
}

result<void> site_database::forget_all() { return run("DELETE FROM learned; DELETE FROM trusted"); }

// ---- Keys

result<std::optional<trusted_key>> site_database::key_of(std::string_view host, std::uint16_t port) {
    if (is_empty_) return std::nullopt;
    const auto rows = prepare("SELECT key, since FROM trusted WHERE host = ? AND port = ?", {host, std::int64_t{port}});
    if (!rows) return std::unexpected(rows.error());
    const auto found = step(rows->get());
    if (!found) return std::unexpected(found.error());
    if (!*found) return std::nullopt;
    return trusted_key{text_of(rows->get(), 0), sqlite3_column_int64(rows->get(), 1)};
}

result<void> site_database::trust(std::string_view host, std::uint16_t port, const trusted_key& key) {
    return change("INSERT OR REPLACE INTO trusted(host, port, key, since) VALUES(?, ?, ?, ?)",
                  {host, std::int64_t{port}, key.key, key.since});
}

// ---- Names

result<option_values> site_database::settings_of(std::string_view name) {
    option_values out;
    const auto rows = prepare("SELECT key, value FROM setting WHERE site = ? ORDER BY key, position", {name});
    if (!rows) return std::unexpected(rows.error());
    for (;;) {
        const auto found = step(rows->get());
        if (!found) return std::unexpected(found.error());
        if (!*found) return out;
        out[text_of(rows->get(), 0)].push_back(text_of(rows->get(), 1));
    }
}

result<std::optional<named_site>> site_database::find(std::string_view name) {
    if (is_empty_) return std::nullopt;
    const auto rows = prepare("SELECT name, url FROM site WHERE name = ?", {name});
    if (!rows) return std::unexpected(rows.error());
    const auto found = step(rows->get());
    if (!found) return std::unexpected(found.error());
    if (!*found) return std::nullopt;
    auto settings = settings_of(name);
    if (!settings) return std::unexpected(std::move(settings.error()));
    return named_site{text_of(rows->get(), 0), text_of(rows->get(), 1), std::move(*settings)};
}

result<std::vector<named_site>> site_database::all() {
    std::vector<named_site> out;
    if (is_empty_) return out;
    const auto rows = prepare("SELECT name, url FROM site ORDER BY name", {});
    if (!rows) return std::unexpected(rows.error());
    for (;;) {
        const auto found = step(rows->get());
        if (!found) return std::unexpected(found.error());
        if (!*found) return out;
        auto settings = settings_of(text_of(rows->get(), 0));
        if (!settings) return std::unexpected(std::move(settings.error()));
        out.push_back({text_of(rows->get(), 0), text_of(rows->get(), 1), std::move(*settings)});
    }
}

result<void> site_database::put(const named_site& site) {
    if (const auto removed = remove(site.name); !removed) return std::unexpected(removed.error());
    if (auto done = change("INSERT INTO site(name, url) VALUES(?, ?)", {site.name, site.url}); !done) return done;
    for (const auto& [key, values] : site.settings) {
        std::int64_t position = 0;
        for (const auto& each : values) {
            auto done = change("INSERT INTO setting(site, key, position, value) VALUES(?, ?, ?, ?)",
                               {site.name, key, position++, each});
            if (!done) return done;
        }
    }
    return {};
}

result<bool> site_database::remove(std::string_view name) {
    if (auto done = change("DELETE FROM setting WHERE site = ?", {name}); !done) return std::unexpected(done.error());
    if (auto done = change("DELETE FROM site WHERE name = ?", {name}); !done) return std::unexpected(done.error());
    return sqlite3_changes(connection_.get()) > 0;
}

}  // namespace sallyport::cli
