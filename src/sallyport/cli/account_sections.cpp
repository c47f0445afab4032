#include <sallyport/cli/account_sections.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <memory>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/closest.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/cli/account_values.hpp>
#include <sallyport/cli/users.hpp>
#include <sallyport/proto/client_side/login_rules.hpp>
#include <sallyport/server/secret.hpp>
#include <sallyport/vfs/posix_filesystem.hpp>
#include <sallyport/vfs/public_view.hpp>
#include <sallyport/vfs/quota.hpp>

namespace sallyport::cli {
namespace {

constexpr std::string_view user_kind = "user";
constexpr std::string_view group_kind = "group";
constexpr std::string_view anonymous_kind = "anonymous";
constexpr std::string_view default_kind = "default";
constexpr std::string_view user_in_home = "{user}";
constexpr std::string_view system_home_text = "~";

std::string where_of(const std::string& file, const toml::node& node) {
    return fmt::format("{}, line {}", file, node.source().begin.line);
}

std::unexpected<error> refuse(std::string_view where, std::string_view what) {
    return fail(errc::usage, fmt::format("{}: {}", where, what));
}

/// One key: how it is written and read, and in which sections it makes no sense.
struct account_key {
    std::string_view name;
    key_form form;
    std::function<result<void>(account_section&, const toml::node&)> read;
    std::vector<std::string_view> not_in{};
};

/// `member`: of the section, or a function that returns it.
template <class Member, class Read>
account_key key(std::string_view name, key_form form, Member member, Read read, std::vector<std::string_view> not_in = {}) {
    auto take = [member, read](account_section& into, const toml::node& value) -> result<void> {
        auto got = read(value);
        if (!got) return std::unexpected(std::move(got.error()));
        std::invoke(member, into) = std::move(*got);
        return {};
    };
    return {.name = name, .form = form, .read = std::move(take), .not_in = std::move(not_in)};
}

/// The secret is checked here, so that the error has the line of its key.
result<std::string> read_password(const toml::node& value) {
    const auto text = account_text(value);
    if (!text) return text;
    auto secret = read_secret(*text);
    if (!secret) return secret;
    if (const auto good = server::parse_secret(*secret); !good) return std::unexpected(good.error());
    return secret;
}

result<account_section::text_value> read_located(const toml::node& value) {
    auto text = account_text(value);
    if (!text) return std::unexpected(text.error());
    return account_section::text_value{.text = std::move(*text), .where = {}};
}

const std::vector<account_key>& keys() {
    using s = account_section;
    using enum key_form;
    const auto count = [](const toml::node& v) { return account_count(v, false); };
    const auto bytes = [](const toml::node& v) { return account_count(v, true); };
    const auto file_mode = [](const toml::node& v) { return account_mode(v, 0600); };
    const auto directory_mode = [](const toml::node& v) { return account_mode(v, 0700); };
    const auto limit = [](auto which) { return [which](account_section& of) -> auto& { return of.limits.*which; }; };
    static const std::vector<account_key> all{
        key("password", text, &s::password, read_password, {group_kind, anonymous_kind, default_kind, stored_account_kind}),
        key("certificate", list, &s::certificates, account_certificates,
            {group_kind, anonymous_kind, default_kind, stored_account_kind}),
        key("group", text, &s::group, read_located, {group_kind, anonymous_kind, default_kind}),
        key("home", text, &s::home, read_located),
        key("rights", list, &s::rights, account_rights),
        key("paths", other, &s::paths, account_paths),
        key("deny", list, &s::deny, account_patterns),
        key("hide", list, &s::hide, account_patterns),
        key("hide-ids", other, &s::hide_ids, account_switch),
        key("allow-from", list, &s::allow_from, account_networks),
        key("refuse-from", list, &s::refuse_from, account_networks),
        key("hours", list, &s::hours, account_hours),
        key("expires", other, &s::expires, account_expiry),
        key("tls-required", other, &s::tls_required, account_switch),
        key("max-sessions", other, limit(&account_limits::sessions), count),
        key("upload-rate", other, limit(&account_limits::upload_rate), bytes),
        key("download-rate", other, limit(&account_limits::download_rate), bytes),
        key("quota-bytes", other, limit(&account_limits::quota_bytes), bytes),
        key("quota-files", other, limit(&account_limits::quota_files), count),
        key("file-mode", text, &s::file_mode, file_mode),
        key("directory-mode", text, &s::directory_mode, directory_mode),
        key("world-readable-only", other, &s::world_readable_only, account_switch,
            {user_kind, group_kind, default_kind, stored_account_kind})};
    return all;
}

bool is_in(const account_key& k, std::string_view kind) { return std::ranges::find(k.not_in, kind) == k.not_in.end(); }

/// The keys of one kind of section, for an error.
std::vector<std::string> keys_of(std::string_view kind) {
    std::vector<std::string> out;
    for (const auto& k : keys())
        if (is_in(k, kind)) out.emplace_back(k.name);
    return out;
}

template <class T>
void fill(std::optional<T>& into, const std::optional<T>& from) {
    if (!into) into = from;
}

void fill_access(account_section& into, const account_section& from) {
    fill(into.home, from.home);
    fill(into.rights, from.rights);
    fill(into.paths, from.paths);
}

void fill_others(account_section& into, const account_section& from) {
    fill(into.deny, from.deny);
    fill(into.hide, from.hide);
    fill(into.hide_ids, from.hide_ids);
    fill(into.allow_from, from.allow_from);
    fill(into.refuse_from, from.refuse_from);
    fill(into.hours, from.hours);
    fill(into.expires, from.expires);
    fill(into.tls_required, from.tls_required);
    fill(into.limits.sessions, from.limits.sessions);
    fill(into.limits.upload_rate, from.limits.upload_rate);
    fill(into.limits.download_rate, from.limits.download_rate);
    fill(into.limits.quota_bytes, from.limits.quota_bytes);
    fill(into.limits.quota_files, from.limits.quota_files);
    fill(into.file_mode, from.file_mode);
    fill(into.directory_mode, from.directory_mode);
}

/// Compiles each pattern once.
class pattern_cache {
public:
    server::name_patterns compiled(const std::optional<std::vector<std::string>>& texts) {
        server::name_patterns out;
        if (!texts) return out;
        for (const auto& text : *texts) {
            auto& known = known_[text];
            if (!known) known = std::make_shared<const server::wildcard>(text);
            out.push_back(known);
        }
        return out;
    }

private:
    std::map<std::string, std::shared_ptr<const server::wildcard>> known_;
};

void apply(const account_section& from, server::account& to, pattern_cache& patterns) {
    to.deny = patterns.compiled(from.deny);
    to.hide = patterns.compiled(from.hide);
    to.hide_ids = from.hide_ids.value_or(false);
    to.login = {.allow_from = from.allow_from.value_or(std::vector<ip_network>()),
                .refuse_from = from.refuse_from.value_or(std::vector<ip_network>()),
                .hours = from.hours.value_or(std::vector<server::login_hours>()),
                .expires = from.expires,
                .tls_required = from.tls_required.value_or(false),
                .max_sessions = from.limits.sessions.value_or(0)};
    to.rates = {.upload = from.limits.upload_rate.value_or(0), .download = from.limits.download_rate.value_or(0)};
}

vfs::posix_options options_of(const account_section& from, vfs::sync_policy sync) {
    vfs::posix_options out{.sync = sync, .exact_modes = from.file_mode || from.directory_mode};
    out.file_mode = from.file_mode.value_or(out.file_mode);
    out.directory_mode = from.directory_mode.value_or(out.directory_mode);
    return out;
}

std::string home_of(const account_section& from, const std::string& name, const std::string& directory) {
    if (!from.home) return directory;
    std::string text = from.home->text;
    for (auto at = text.find(user_in_home); at != std::string::npos; at = text.find(user_in_home, at + name.size()))
        text.replace(at, user_in_home.size(), name);
    return (std::filesystem::path(directory) / text).lexically_normal();
}

bool can_be_in_a_path(std::string_view name) { return name.find('/') == std::string_view::npos && !name.starts_with('.'); }

result<void> check_name_in_home(const account_section& from, const std::string& name) {
    if (!from.home || from.home->text.find(user_in_home) == std::string::npos || can_be_in_a_path(name)) return {};
    return refuse(from.home->where,
                  fmt::format("home: the name '{}' contains '/' or begins with a dot, so it can't stand for {{user}}; give "
                              "this user a home of its own",
                              escape(name, 100)));
}

bool is_system_home(const account_section& from) { return from.home && from.home->text == system_home_text; }

/// Only a user of the system has that home.
result<void> check_home_of_password(const account_section& from) {
    if (!is_system_home(from)) return {};
    return refuse(
        from.home->where,
        "home: ~ is for users of the system, whose password PAM checks; give accounts with a password of their own "
        "another home");
}

/// The home that the system has must be below the shared directory, since the process may use no other one, and a wrong
/// entry, such as "/", must not share everything.
result<std::string> system_home_below(const std::string& home, const std::string& directory) {
    const auto path = std::filesystem::path(home).lexically_normal();
    const auto rest = path.lexically_relative(std::filesystem::absolute(directory).lexically_normal());
    if (!path.is_absolute() || rest.empty() || rest == "." || *rest.begin() == "..")
        return fail(errc::usage, fmt::format("the home of this user in the system, {}, is not below {}; share the directory "
                                             "that contains it, or give the user another home",
                                             escape(home, 300), escape(directory, 300)));
    return path.string();
}

vfs::quota_limits quota_of(const account_section& from) {
    return {.bytes = from.limits.quota_bytes.value_or(0), .files = from.limits.quota_files.value_or(0)};
}

result<std::shared_ptr<vfs::filesystem>> open_home(const std::string& path, const vfs::posix_options& options,
                                                   const vfs::quota_limits& quota) {
    auto files = vfs::open_posix_filesystem(path, options);
    if (!files) return files;
    return vfs::limit_files(std::move(*files), quota);
}

/// How the home is opened at a login. An account that differs in nothing uses the directory of the server, which is open.
void set_opening(const account_section& from, server::account& to, std::string path, const vfs::posix_options& options) {
    const auto quota = quota_of(from);
    if (from.home || options.exact_modes || quota != vfs::quota_limits{})
        to.open_files = [path = std::move(path), options, quota] { return open_home(path, options, quota); };
}

/// Checks that the home is there, and sets how it is opened.
result<void> set_home(const account_section& from, server::account& to, const std::string& directory,
                      const vfs::posix_options& options) {
    if (auto good = check_name_in_home(from, to.name); !good) return good;
    const auto path = home_of(from, to.name, directory);
    auto there = open_home(path, options, quota_of(from));
    if (!there)
        return refuse(from.home ? from.home->where : from.where,
                      fmt::format("home of '{}': {}; create the directory, or name another one", escape(to.name, 100),
                                  escape(there.error().text(), 500)));
    if (to.anonymous)
        to.files = from.world_readable_only.value_or(true) ? vfs::make_public_view(std::move(*there)) : std::move(*there);
    else
        set_opening(from, to, path, options);
    return {};
}

/// An account of a user, without its home.
server::account account_of(const std::string& name, const account_section& all, pattern_cache& patterns) {
    server::account out{.name = name, .rights = all.rights.value_or(server::right_set::read_only())};
    out.paths = all.paths.value_or(std::vector<server::path_rights>());
    apply(all, out, patterns);
    return out;
}

/// The home is opened, and found to be missing, at the login.
result<server::account> account_opened_later(const std::string& name, const account_section& all,
                                             const std::string& directory, vfs::sync_policy sync) {
    if (auto good = check_name_in_home(all, name); !good) return std::unexpected(good.error());
    pattern_cache patterns;
    auto out = account_of(name, all, patterns);
    set_opening(all, out, home_of(all, name, directory), options_of(all, sync));
    return out;
}

}  // namespace

bool account_sections::is_section(std::string_view name) noexcept {
    return name == user_kind || name == group_kind || name == anonymous_kind || name == default_kind;
}

bool is_outside(const std::string& home, const std::string& directory) {
    const auto rest = std::filesystem::path(home).lexically_relative(directory);
    return rest.empty() || *rest.begin() == "..";
}

std::optional<key_form> form_of_account_key(std::string_view name, std::string_view kind) {
    const auto known = std::ranges::find(keys(), name, &account_key::name);
    if (known == keys().end() || !is_in(*known, kind)) return std::nullopt;
    return known->form;
}

result<account_section> read_account_section(const toml::node& value, std::string_view kind, const std::string& file) {
    const auto* const table = value.as_table();
    if (table == nullptr)
        return refuse(where_of(file, value), fmt::format("{} needs a section for each name: [{}.NAME]", kind, kind));
    account_section out{.where = where_of(file, value)};
    for (const auto& [name, item] : *table) {
        std::string written(name.str());
        std::ranges::replace(written, '_', '-');
        const auto where = where_of(file, item);
        const auto known =
            std::ranges::find_if(keys(), [&](const account_key& k) { return k.name == written && is_in(k, kind); });
        if (known == keys().end())
            return refuse(where, fmt::format("unknown key '{}' in this section{}", escape(written, 100),
                                             did_you_mean(written, keys_of(kind), "see docs/server.md for the keys")));
        if (auto done = known->read(out, item); !done)
            return refuse(where, fmt::format("{}: {}", written, done.error().what));
        if (written == "home") out.home->where = where;
        if (written == "group") out.group->where = where;
    }
    return out;
}

result<account_section> account_sections::read_section(const toml::node& value, std::string_view kind,
                                                       const std::string& file) {
    auto out = read_account_section(value, kind, file);
    const auto* const secret = out ? (*value.as_table())["password"].as_string() : nullptr;
    if (secret != nullptr && secret->get().starts_with('@')) secret_files_.push_back(secret->get().substr(1));
    return out;
}

result<void> account_sections::read(std::string_view name, const toml::table& table, const std::string& file) {
    std::ostringstream text;
    text << name << '\n' << toml::toml_formatter(table) << '\n';
    source_ += text.str();
    if (name == anonymous_kind || name == default_kind) {
        auto section = read_section(table, name, file);
        if (!section) return std::unexpected(section.error());
        if (name == default_kind)
            default_ = std::move(*section);
        else
            anonymous_ = std::move(*section);
        return {};
    }
    for (const auto& [key, value] : table) {
        auto section = read_section(value, name, file);
        if (!section) return std::unexpected(section.error());
        const std::string who(key.str());
        if (name == user_kind && (who.empty() || proto::is_anonymous_name(who)))
            return refuse(section->where, who.empty() ? "the name of this user is empty; write one"
                                                      : "this name means anonymous login; use [anonymous], or another name");
        (name == user_kind ? users_ : groups_).emplace(who, std::move(*section));
    }
    return {};
}

/// What the section sets, then its group, then [default].
result<account_section> account_sections::resolved(const account_section& user) const {
    account_section out = user;
    if (user.group) {
        const auto found = groups_.find(user.group->text);
        if (found == groups_.end())
            return refuse(user.group->where, fmt::format("there is no section [group.{}]; write one, or remove the group",
                                                         escape(user.group->text, 100)));
        fill_access(out, found->second);
        fill_others(out, found->second);
    }
    fill_access(out, default_);
    fill_others(out, default_);
    return out;
}

result<void> account_sections::add_users(server::settings& settings, const std::string& directory,
                                         vfs::sync_policy sync) const {
    pattern_cache patterns;
    account_section of_options;
    fill_others(of_options, default_);
    for (server::user& known : settings.users) {
        if (const auto twice = users_.find(known.who.name); twice != users_.end())
            return refuse(twice->second.where,
                          fmt::format("the user '{}' is also in an option --user or --reader; remove one of them",
                                      escape(known.who.name, 100)));
        apply(of_options, known.who, patterns);
        if (auto done = set_home(of_options, known.who, directory, options_of(of_options, sync)); !done) return done;
    }
    for (const auto& [name, section] : users_) {
        const auto all = resolved(section);
        if (!all) return std::unexpected(all.error());
        const bool has_certificate = section.certificates && !section.certificates->empty();
        const bool is_of_system = !section.password && !has_certificate;
        if (is_of_system && !settings.system_users)
            return refuse(section.where,
                          fmt::format("[user.{}] has no password; add one ('sallyport user hash' makes a hash), or --pam "
                                      "SERVICE if it is a user of the system",
                                      escape(name, 100)));
        // Found, and checked, at the login.
        if (is_of_system && is_system_home(*all)) continue;
        if (auto good = check_home_of_password(*all); !good) return good;
        server::user made{.who = account_of(name, *all, patterns), .password = section.password.value_or(std::string())};
        if (auto done = set_home(*all, made.who, directory, options_of(*all, sync)); !done) return done;
        made.who.certificates = section.certificates.value_or(std::vector<std::string>());
        if (!is_of_system) settings.users.push_back(std::move(made));
    }
    return {};
}

result<server::account> account_sections::stored_account(const std::string& name, const account_section& section,
                                                         const std::string& directory, vfs::sync_policy sync) const {
    const auto all = resolved(section);
    if (!all) return std::unexpected(all.error());
    if (auto good = check_home_of_password(*all); !good) return std::unexpected(good.error());
    return account_opened_later(name, *all, directory, sync);
}

result<server::account> account_sections::system_account(const std::string& name, const std::string& system_home,
                                                         const std::string& directory, vfs::sync_policy sync) const {
    const auto found = users_.find(name);
    auto all = resolved(found == users_.end() ? account_section{.where = "--pam"} : found->second);
    if (!all) return std::unexpected(all.error());
    if (is_system_home(*all)) {
        auto home = system_home_below(system_home, directory);
        if (!home) return std::unexpected(home.error());
        all->home->text = std::move(*home);
    }
    return account_opened_later(name, *all, directory, sync);
}

result<std::string> account_sections::stored_home(const std::string& name, const account_section& section,
                                                  const std::string& directory) const {
    const auto all = resolved(section);
    if (!all) return std::unexpected(all.error());
    return home_of(*all, name, directory);
}

result<void> account_sections::add_to(server::settings& settings, const std::string& directory,
                                      vfs::sync_policy sync) const {
    if (auto done = add_users(settings, directory, sync); !done) return done;
    if (!settings.anonymous && !anonymous_) return {};
    account_section section = anonymous_.value_or(account_section{.where = "--anonymous"});
    fill_others(section, default_);
    server::account who = server::make_anonymous(section.rights.value_or(server::right_set::read_only()));
    who.paths = section.paths.value_or(std::vector<server::path_rights>());
    pattern_cache patterns;
    apply(section, who, patterns);
    auto options = options_of(section, sync);
    if (section.world_readable_only.value_or(true)) {
        // A link could lead to a file that is hidden.
        options.follow_links = false;
        // Or the user could not enter the directories that it makes.
        if (!section.directory_mode) options.directory_mode = 0755;
        options.exact_modes = true;
    }
    if (auto done = set_home(section, who, directory, options); !done) return done;
    settings.anonymous = std::move(who);
    return {};
}

std::string account_sections::first_certificate() const {
    for (const auto& [name, section] : users_)
        if (section.certificates && !section.certificates->empty()) return section.where;
    return {};
}

std::vector<std::string> account_sections::homes(const std::string& directory) const {
    std::vector<std::string> out;
    const auto add = [&](std::string home) {
        if (is_outside(home, directory) && std::ranges::find(out, home) == out.end()) out.push_back(std::move(home));
    };
    for (const auto& [name, section] : users_)
        if (const auto all = resolved(section); all && !is_system_home(*all)) add(home_of(*all, name, directory));
    if (anonymous_) add(home_of(*anonymous_, "anonymous", directory));
    return out;
}

std::vector<std::string> account_sections::homes_of_stored(const std::string& directory) const {
    std::vector<std::string> out;
    const auto add = [&](const account_section& section) {
        if (!section.home || is_system_home(section)) return;
        const auto& text = section.home->text;
        const auto at = text.find(user_in_home);
        const auto slash = at == std::string::npos ? std::string::npos : text.rfind('/', at);
        if (at != std::string::npos && slash == std::string::npos) return;
        // Without {user}: the home itself.
        const auto above = std::filesystem::path(directory) / (at == std::string::npos ? text : text.substr(0, slash + 1));
        if (auto home = above.lexically_normal().string(); is_outside(home, directory)) out.push_back(std::move(home));
    };
    for (const auto& [name, section] : groups_) add(section);
    add(default_);
    return out;
}

}  // namespace sallyport::cli
