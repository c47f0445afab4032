#include <sallyport/cli/site_database.hpp>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/cli/self_signed_certificate.hpp>

namespace sallyport::cli {
namespace {

// "SALS", so that another program's database is not taken for one of these.
constexpr std::int64_t application = 0x53414c53;
constexpr std::int64_t newest_schema = 1;
// A transfer waits no longer for another program that has locked the file.
constexpr auto lock_wait = std::chrono::milliseconds(200);

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

learned_fact fact_of(sqlite_row row, int first_column) {
    return {row.text(first_column), row.text(first_column + 1), row.number(first_column + 2)};
}

error refuse(const std::string& file, int code, std::string_view text) {
    const auto say = [&file](errc kind, std::string_view what) { return error{kind, 0, fmt::format("{}: {}", file, what)}; };
    switch (code) {
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
        default:
            return say(errc::io, fmt::format("the database cannot be used ({}); check the file and its permissions",
                                             escape(text, 200)));
    }
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
    // Also for reading: what a killed client has begun is undone first. SQLite reads a file that it may not write, too.
    auto opened = sqlite_connection::open(
        file_, sqlite_connection::access::change, lock_wait,
        [of = file_](int code, std::string_view text, int /*os*/) { return refuse(of, code, text); });
    if (!opened) return std::unexpected(std::move(opened.error()));
    connection_ = std::move(*opened);
    if (auto begun = connection_.run(how == site_access::change ? "BEGIN IMMEDIATE" : "BEGIN"); !begun) return begun;
    const auto tables = connection_.number("SELECT count(*) FROM sqlite_schema");
    if (!tables) return std::unexpected(tables.error());
    is_empty_ = *tables == 0;
    if (!is_empty_)
        if (auto known = connection_.check_schema(file_, application, newest_schema); !known) return known;
    if (how == site_access::read) return {};
    is_empty_ = false;
    return connection_.run(schema);
}

result<void> site_database::commit() { return connection_.run("COMMIT"); }

// ---- What was learned

result<std::vector<learned_fact>> site_database::learned(const site_key& of) {
    if (is_empty_) return std::vector<learned_fact>();
    return connection_.all(
        "SELECT name, value, since FROM learned WHERE host = ? AND port = ? AND tls = ? AND user = ? AND network = ?",
        {of.host, std::int64_t{of.port}, of.tls, of.user, of.network}, [](sqlite_row row) { return fact_of(row, 0); });
}

result<void> site_database::learn(const site_key& of, const learned_fact& fact) {
    return connection_.change(
        "INSERT OR REPLACE INTO learned(host, port, tls, user, network, name, value, since) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
        {of.host, std::int64_t{of.port}, of.tls, of.user, of.network, fact.name, fact.value, fact.since});
}

result<void> site_database::unlearn(const site_key& of, std::string_view name) {
    return connection_.change(
        "DELETE FROM learned WHERE host = ? AND port = ? AND tls = ? AND user = ? AND network = ? AND name = ?",
        {of.host, std::int64_t{of.port}, of.tls, of.user, of.network, name});
}

result<void> site_database::remove_before(std::int64_t time) {
    return connection_.change("DELETE FROM learned WHERE since < ?", {time});
}

result<std::vector<stored_fact>> site_database::learned_of(std::string_view host, std::uint16_t port) {
    if (is_empty_) return std::vector<stored_fact>();
    return connection_.all(
        "SELECT tls, user, network, name, value, since FROM learned WHERE host = ? AND port = ? "
        "ORDER BY user, network, tls, name",
        {host, std::int64_t{port}}, [&](sqlite_row row) {
            return stored_fact{{std::string(host), port, row.text(0), row.text(1), row.text(2)}, fact_of(row, 3)};
        });
}

result<void> site_database::forget(std::string_view host, std::uint16_t port) {
    auto done = connection_.change("DELETE FROM learned WHERE host = ? AND port = ?", {host, std::int64_t{port}});
    if (done) done = connection_.change("DELETE FROM trusted WHERE host = ? AND port = ?", {host, std::int64_t{port}});
    return done;
}

result<void> site_database::forget_all() { return connection_.run("DELETE FROM learned; DELETE FROM trusted"); }

// ---- Keys

result<std::optional<trusted_key>> site_database::key_of(std::string_view host, std::uint16_t port) {
    if (is_empty_) return std::nullopt;
    return connection_.first("SELECT key, since FROM trusted WHERE host = ? AND port = ?", {host, std::int64_t{port}},
                             [](sqlite_row row) { return trusted_key{row.text(0), row.number(1)}; });
}

result<void> site_database::trust(std::string_view host, std::uint16_t port, const trusted_key& key) {
    return connection_.change("INSERT OR REPLACE INTO trusted(host, port, key, since) VALUES(?, ?, ?, ?)",
                              {host, std::int64_t{port}, key.key, key.since});
}

// ---- Names

result<option_values> site_database::settings_of(std::string_view name) {
    const auto rows = connection_.all("SELECT key, value FROM setting WHERE site = ? ORDER BY key, position", {name},
                                      [](sqlite_row row) { return std::pair(row.text(0), row.text(1)); });
    if (!rows) return std::unexpected(rows.error());
    option_values out;
    for (const auto& [key, value] : *rows) out[key].push_back(value);
    return out;
}

result<std::optional<named_site>> site_database::find(std::string_view name) {
    if (is_empty_) return std::nullopt;
    auto found = connection_.first("SELECT name, url FROM site WHERE name = ?", {name},
                                   [](sqlite_row row) { return named_site{row.text(0), row.text(1), {}}; });
    if (!found || !*found) return found;
    auto settings = settings_of(name);
    if (!settings) return std::unexpected(std::move(settings.error()));
    (*found)->settings = std::move(*settings);
    return found;
}

result<std::vector<named_site>> site_database::all() {
    if (is_empty_) return std::vector<named_site>();
    auto found = connection_.all("SELECT name, url FROM site ORDER BY name", {},
                                 [](sqlite_row row) { return named_site{row.text(0), row.text(1), {}}; });
    if (!found) return found;
    for (auto& site : *found) {
        auto settings = settings_of(site.name);
        if (!settings) return std::unexpected(std::move(settings.error()));
        site.settings = std::move(*settings);
    }
    return found;
}

result<void> site_database::put(const named_site& site) {
    if (const auto removed = remove(site.name); !removed) return std::unexpected(removed.error());
    if (auto done = connection_.change("INSERT INTO site(name, url) VALUES(?, ?)", {site.name, site.url}); !done)
        return done;
    for (const auto& [key, values] : site.settings) {
        std::int64_t position = 0;
        for (const auto& each : values) {
            auto done = connection_.change("INSERT INTO setting(site, key, position, value) VALUES(?, ?, ?, ?)",
                                           {site.name, key, position++, each});
            if (!done) return done;
        }
    }
    return {};
}

result<bool> site_database::remove(std::string_view name) {
    if (auto done = connection_.change("DELETE FROM setting WHERE site = ?", {name}); !done)
        return std::unexpected(done.error());
    if (auto done = connection_.change("DELETE FROM site WHERE name = ?", {name}); !done)
        return std::unexpected(done.error());
    return connection_.changed_rows() > 0;
}

}  // namespace sallyport::cli
