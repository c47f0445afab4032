#include <sallyport/imports/proftpd_accounts.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/imports/import_texts.hpp>
#include <sallyport/imports/proftpd_settings.hpp>
#include <sallyport/proto/client_side/login_rules.hpp>
#include <sallyport/server/wildcard.hpp>

namespace sallyport::imports {
namespace {

using outcome = import_outcome;

std::vector<std::string> split(std::string_view text, char at) {
    std::vector<std::string> out;
    for (;;) {
        const auto end = text.find(at);
        out.emplace_back(text.substr(0, end));
        if (end == text.npos) return out;
        text.remove_prefix(end + 1);
    }
}

/// "/a//b/." is "/a/b"; the root is empty.
std::string normal(const std::string& path) {
    auto out = std::filesystem::path(path).lexically_normal().string();
    while (out.ends_with('/')) out.pop_back();
    return out;
}

/// The names in an absolute path.
std::vector<std::string> parts_of(const std::string& path) {
    std::vector<std::string> out;
    for (auto& part : split(path, '/'))
        if (!part.empty()) out.push_back(std::move(part));
    return out;
}

bool has_wildcard(std::string_view text) { return text.find_first_of("*?[") != text.npos; }

/// "~/in" for a user; other paths as they are.
std::string without_tilde(std::string_view path, const proftpd_user& user) {
    if (path == "~" || path.starts_with("~/")) return user.own_home + std::string(path.substr(1));
    return std::string(path);
}

/// One of these commands at least.
bool names_any(const proftpd_section& limit, std::initializer_list<std::string_view> commands) {
    return std::ranges::any_of(limit.opening.words, [commands](const auto& word) {
        return std::ranges::any_of(commands, [&word](std::string_view command) { return iequals(word, command); });
    });
}

/// What AuthOrder is without a line.
constexpr std::string_view all_modules = "mod_auth_pam.c mod_auth_unix.c";

/// Users whose groups and names are not known could have other rights than the rest.
bool depends_on_user(const proftpd_section& section) {
    const auto is_condition = [](const proftpd_line& line) {
        return line.is("AllowUser") || line.is("DenyUser") || line.is("AllowGroup") || line.is("DenyGroup") ||
               (line.is("DefaultRoot") && line.words.size() > 1);
    };
    return std::ranges::any_of(section.lines, is_condition) ||
           std::ranges::any_of(section.sections, [](const proftpd_section& inner) {
               return !inner.opening.is("<Anonymous>") && depends_on_user(inner);
           });
}

bool is_login(const proftpd_section& section) { return section.opening.is("<Limit>") && names_any(section, {"LOGIN"}); }

/// A directive that decides on a right in the section that contains it.
bool is_on_rights(const proftpd_line& line) {
    return line.is("AllowOverwrite") || line.is("AllowStoreRestart") || line.is("HiddenStores") || line.is("AllowAll") ||
           line.is("DenyAll");
}

/// The section, with the lines on names of its sections <Directory> that contain every home.
proftpd_section with_whole_directories(const proftpd_section& scope) {
    static constexpr auto whole = std::to_array<std::string_view>({"/", "/*", "~", "~/*", "*"});
    proftpd_section out{.opening = scope.opening, .lines = scope.lines, .sections = {}};
    for (const auto& section : scope.sections) {
        if (!section.opening.is("<Directory>")) continue;
        const auto path = section.opening.value();
        if (path != scope.opening.value() && std::ranges::find(whole, path) == whole.end()) continue;
        std::ranges::copy_if(section.lines, std::back_inserter(out.lines), [](const proftpd_line& line) {
            return line.is("HideFiles") || line.is("PathDenyFilter") || line.is("DirFakeUser") || line.is("DirFakeGroup");
        });
    }
    return out;
}

bool restricts(const std::vector<std::string>& rights, const std::vector<std::string>& usual) {
    return std::ranges::any_of(usual, [&](const auto& right) { return std::ranges::find(rights, right) == rights.end(); });
}

}  // namespace

proftpd_accounts::proftpd_accounts(proftpd_source& source, std::string users, std::string_view groups, proftpd_system system)
    : source_(source), users_file_(std::move(users)), system_(std::move(system)) {
    read_users(groups);
}

void proftpd_accounts::read_users(std::string_view groups) {
    constexpr std::size_t passwd_fields = 7;
    std::vector<std::vector<std::string>> of_groups;
    for (const auto& line : split(groups, '\n'))
        if (auto fields = split(line, ':'); fields.size() >= 3 && !line.starts_with('#'))
            of_groups.push_back(std::move(fields));
    for (const auto& line : split(users_file_, '\n')) {
        const auto fields = split(line, ':');
        if (line.empty() || line.starts_with('#') || fields.size() < 2) continue;
        known_user made;
        made.name = fields[0];
        made.has_home = fields.size() == passwd_fields && !fields[5].empty();
        if (made.has_home) made.own_home = normal(fields[5]);
        if (fields.size() == passwd_fields) made.shell = fields[6];
        for (const auto& group : of_groups) {
            const auto members = group.size() > 3 ? split(group[3], ',') : std::vector<std::string>();
            if ((fields.size() == passwd_fields && group[2] == fields[3]) ||
                std::ranges::find(members, made.name) != members.end())
                made.groups.push_back(group[0]);
        }
        made.root = root_of(made);
        users_.try_emplace(made.name, std::move(made));
    }
}

std::string proftpd_accounts::root_of(const proftpd_user& user) const {
    for (const auto& line : server().lines) {
        if (!line.is("DefaultRoot") || line.words.empty()) continue;
        const std::vector<std::string> groups(line.words.begin() + 1, line.words.end());
        if (!groups.empty() && !matches_groups(groups, user)) continue;
        auto path = normal(without_tilde(with_replaced(line.words.front(), "%u", user.name), user));
        // "/": not confined, but the session begins in the home.
        return path.empty() ? user.own_home : path;
    }
    return user.own_home;
}

std::string proftpd_accounts::lines_with_roots() const {
    constexpr std::size_t passwd_fields = 7;
    std::string out;
    for (const auto& line : split(users_file_, '\n')) {
        auto fields = split(line, ':');
        const auto known = users_.find(fields[0]);
        if (fields.size() == passwd_fields && known != users_.end() && !line.starts_with('#'))
            fields[5] = known->second.root;
        out += fmt::format("{}\n", fmt::join(fields, ":"));
    }
    return out;
}

std::string proftpd_accounts::system_users() {
    const auto* const order = source_.first("AuthOrder");
    const auto is_of_system = [](const std::string& module) {
        return starts_with_icase(module, "mod_auth_pam.c") || starts_with_icase(module, "mod_auth_unix.c");
    };
    if (order != nullptr && std::ranges::none_of(order->words, is_of_system)) return {};
    if (depends_on_user(server()) || !permits_login({&server()}, {})) return {};
    has_pam_ = true;
    const auto* const given = source_.first("AuthPAMConfig");
    const auto service = given == nullptr || given->words.empty() ? "proftpd" : given->words.front();
    const auto line = fmt::format("pam = {}", toml_text(service));
    source_.note_setting("AuthPAMConfig", outcome::nearest, line, service);
    source_.note_setting("AuthOrder", outcome::nearest, import_texts::with_pam(line), all_modules);
    return line + "\n";
}

std::string proftpd_accounts::system_homes() {
    const auto* const root = source_.first("DefaultRoot");
    if (root == nullptr || root->value() == "~" || normal(root->value()).empty()) {
        source_.note_setting("DefaultRoot", outcome::nearest, import_texts::system_homes, "not confined");
        return "home = \"~\"\n";
    }
    if (!root->value().contains("%u")) source_.note(*root, outcome::less_safe, import_texts::shared_home);
    return {};
}

result<std::string> proftpd_accounts::default_settings() {
    proftpd_user other;
    // That of every user without a group.
    const auto root = std::ranges::find_if(
        server().lines, [](const proftpd_line& line) { return line.is("DefaultRoot") && line.words.size() == 1; });
    std::string out = has_pam_ ? system_homes() : "";
    if (root != server().lines.end() && root->words.front().starts_with('/') && !normal(root->words.front()).empty()) {
        other.root = normal(root->words.front());
        out += fmt::format("home = {}\n", toml_text(with_replaced(other.root, "%u", "{user}")));
    }
    default_rights_ = granted({&server()}, other);
    out += fmt::format("rights = {}\n", toml_list(default_rights_));
    const auto modes = proftpd_modes(source_, server(), 0700);
    if (!modes) return modes;
    const auto names = proftpd_names_and_rates(source_, with_whole_directories(server()));
    if (!names) return names;
    const auto sessions = source_.count("MaxClientsPerUser", 0);
    if (!sessions) return std::unexpected(sessions.error());
    if (*sessions > 0) out += fmt::format("max-sessions = {}\n", *sessions);
    source_.note_setting("MaxClientsPerUser", outcome::taken, fmt::format("max-sessions = {}", *sessions));
    return out + *modes + *names + proftpd_quotas(source_) + networks_lines(server(), false);
}

std::string proftpd_accounts::networks_lines(const proftpd_section& scope, bool always) {
    const proftpd_section* limit = nullptr;
    for (const auto& section : scope.sections)
        if (is_login(section)) limit = &section;
    if (limit == nullptr) return {};
    const auto found = networks_of(*limit, server());
    source_.note_section(*limit, found.is_incomplete ? outcome::less_safe : outcome::taken,
                         found.is_incomplete ? "a condition has no equivalent; write allow-from and refuse-from by hand"
                                             : "who may log in: allow-from, refuse-from, and the sections of users");
    for (const auto& section : scope.sections)
        if (is_login(section))
            source_.note_section(section, outcome::less_safe, "the last <Limit LOGIN> is taken over only");
    std::string out;
    if (always || !found.allow.empty()) out += fmt::format("allow-from = {}\n", toml_list(found.allow));
    if (always || !found.refuse.empty()) out += fmt::format("refuse-from = {}\n", toml_list(found.refuse));
    return out;
}

std::vector<proftpd_accounts::directory_rule> proftpd_accounts::rules_for(const proftpd_scopes& outer,
                                                                          const proftpd_user& user) const {
    std::vector<directory_rule> out;
    const auto root = parts_of(user.root);
    for (const auto* const scope : outer)
        for (const auto& section : scope->sections) {
            if (!section.opening.is("<Directory>") || section.opening.words.empty()) continue;
            std::string path = without_tilde(section.opening.words.front(), user);
            if (!path.starts_with('/')) path = user.root + "/" + path;
            if (path.ends_with("/*")) path.resize(path.size() - 2);
            const auto parts = parts_of(normal(path));
            if (root.empty() && !parts.empty()) continue;
            const auto shared = std::min(parts.size(), root.size());
            bool is_in = true;
            for (std::size_t i = 0; i < shared; ++i) is_in = is_in && server::wildcard(parts[i]).matches(root[i]);
            if (!is_in) continue;
            directory_rule rule{.section = &section, .path = {}, .depth = parts.size(), .has_wildcard = false};
            for (std::size_t i = shared; i < parts.size(); ++i) rule.path += "/" + parts[i];
            rule.has_wildcard = has_wildcard(rule.path);
            out.push_back(std::move(rule));
        }
    std::ranges::stable_sort(out, std::greater<>(), &directory_rule::depth);
    return out;
}

std::vector<std::string> proftpd_accounts::granted(const proftpd_scopes& scopes, const proftpd_user& user) {
    auto out = rights_of(scopes, user);
    may_overwrite_ = may_overwrite_ || std::ranges::find(out, "overwrite") != out.end();
    return out;
}

std::string proftpd_accounts::rights_lines(const proftpd_scopes& outer, const proftpd_user& user, std::string_view section,
                                           const std::vector<std::string>* usual) {
    const auto rules = rules_for(outer, user);
    // The rules that count at a path, innermost first.
    const auto scopes_at = [&](std::string_view path) {
        proftpd_scopes scopes;
        for (const auto& rule : rules)
            if (!rule.has_wildcard && (path == rule.path || path.starts_with(rule.path + "/")))
                scopes.push_back(rule.section);
        scopes.insert(scopes.end(), outer.begin(), outer.end());
        return scopes;
    };
    const auto rights = granted(scopes_at(""), user);
    std::string out;
    if (usual == nullptr || rights != *usual) out += fmt::format("rights = {}\n", toml_list(rights));
    std::map<std::string, std::vector<std::string>> paths;
    for (const auto& rule : rules) {
        if (rule.has_wildcard) {
            auto scopes = scopes_at("");
            scopes.insert(scopes.begin(), rule.section);
            if (restricts(rights_of(scopes, user), rights)) lost_.insert(rule.section);
            continue;
        }
        written_.insert(rule.section);
        if (!rule.path.empty()) paths[rule.path] = granted(scopes_at(rule.path), user);
    }
    if (paths.empty()) return out;
    out += fmt::format("[{}.paths]\n", section);
    for (const auto& [path, of] : paths) out += fmt::format("{} = {}\n", toml_text(path), toml_list(of));
    return out;
}

bool proftpd_accounts::is_valid_shell(const std::string& shell) const {
    return system_.shells ? system_.shells->contains(shell) : !shell.ends_with("/nologin") && !shell.ends_with("/false");
}

account_addition proftpd_accounts::addition_for(const std::string& name) {
    const auto found = users_.find(name);
    if (found == users_.end()) return {};
    const auto& user = found->second;
    if (name == "root" && !source_.is_on("RootLogin", false)) return {.left_out = "RootLogin is off"};
    if (!permits_login({&server()}, user)) return {.left_out = "<Limit LOGIN> refuses it"};
    if (user.shell && !is_valid_shell(*user.shell) && source_.is_on("RequireValidShell", true))
        return {.left_out = "RequireValidShell is on, and its shell is none of /etc/shells"};
    if (system_.refused.contains(name) && source_.is_on("UseFtpUsers", true))
        return {.left_out = "/etc/ftpusers refuses it"};
    account_addition out;
    if (!user.has_home && !user.root.empty()) out.settings = fmt::format("home = {}\n", toml_text(user.root));
    if (user.root.empty()) out.lost = "its home is not known, so that it would have DIR; set home";
    out.settings += rights_lines({&server()}, user, "user." + toml_text(name), &default_rights_);
    return out;
}

result<account_sections_text> proftpd_accounts::sections() {
    return make_account_sections(lines_with_roots(),
                                 [this](const std::string& name, std::string_view) { return addition_for(name); });
}

const proftpd_section* proftpd_accounts::public_section() const {
    for (const auto& section : server().sections) {
        if (!section.opening.is("<Anonymous>")) continue;
        const auto names_it = [](const proftpd_line& line) {
            return (line.is("User") || line.is("UserAlias")) && !line.words.empty() &&
                   proto::is_anonymous_name(line.words.front());
        };
        if (std::ranges::any_of(section.lines, names_it)) return &section;
    }
    return nullptr;
}

result<std::string> proftpd_accounts::anonymous() {
    const auto* const section = public_section();
    proftpd_user user{.name = "ftp", .groups = {}, .own_home = {}, .root = {}};
    if (section == nullptr || !permits_login({section, &server()}, user)) {
        if (section != nullptr)
            source_.note_section(*section, outcome::taken, "<Limit LOGIN> refuses it: no section [anonymous]");
        return std::string();
    }
    const auto path = section->opening.words.empty() ? std::string() : section->opening.words.front();
    const bool has_home = path.starts_with('/');
    user.root = user.own_home = has_home ? normal(path) : "";
    std::string out = "[anonymous]\n";
    if (has_home) out += fmt::format("home = {}\n", toml_text(user.root));
    source_.note(
        section->opening, has_home ? outcome::taken : outcome::less_safe,
        has_home ? fmt::format("[anonymous] home = {}", toml_text(user.root)) : "its directory is not known; set home");
    source_.note_setting("<Anonymous>", outcome::nearest,
                         "world-readable-only = true: only what every user of this machine may read",
                         "what its User may read");
    const auto modes = proftpd_modes(source_, *section, 0755);
    if (!modes) return modes;
    const auto names = proftpd_names_and_rates(source_, with_whole_directories(*section));
    if (!names) return names;
    std::uint64_t sessions = 0;
    if (const auto* const line = section->first("MaxClients"); line != nullptr && !line->words.empty()) {
        sessions = parse_decimal(line->words.front(), 1'000'000).value_or(0);
        source_.note(*line, outcome::taken, fmt::format("max-sessions = {}", sessions));
    }
    if (sessions > 0 || source_.first("MaxClientsPerUser") != nullptr) out += fmt::format("max-sessions = {}\n", sessions);
    if (proftpd_requires_tls(source_)) out += "tls-required = true\n";
    out += *modes + *names;
    return out + networks_lines(*section, true) + rights_lines({section, &server()}, user, "anonymous", nullptr);
}

void proftpd_accounts::note_public(const proftpd_section& section) {
    for (const auto& line : section.lines) {
        if (line.is("User") || line.is("Group"))
            source_.note(line, outcome::nearest, "files belong to the user of the process, see --run-as");
        else if (line.is("UserAlias"))
            source_.note(line, outcome::nearest, "the names anonymous and ftp mean anonymous login");
        else if (is_on_rights(line))
            source_.note(line, outcome::taken, "rights of [anonymous]");
        else if (line.is("RequireValidShell") || line.is("RootLogin"))
            source_.note(line, outcome::nearest, "an anonymous user has no shell");
        else if (line.is("AnonRequirePassword"))
            source_.note(line, is_on({&section}, "AnonRequirePassword", false) ? outcome::less_safe : outcome::nearest,
                         "any password is accepted");
    }
    for (const auto& inner : section.sections) {
        if (inner.opening.is("<Limit>")) note_limit(inner);
        if (inner.opening.is("<Directory>")) note_directory(inner, true);
    }
}

void proftpd_accounts::note_limit(const proftpd_section& limit) {
    static constexpr auto known = std::to_array<std::string_view>(
        {"ALL",  "READ", "WRITE", "DIRS", "APPE", "CDUP", "CWD",  "DELE", "LIST", "MDTM", "MFMT",
         "MKD",  "MLSD", "MLST",  "NLST", "PWD",  "RETR", "RMD",  "RNFR", "RNTO", "SIZE", "STAT",
         "STOR", "STOU", "XMKD",  "XRMD", "XCUP", "XCWD", "XPWD", "MFF",  "LOGIN"});
    const bool denies = std::ranges::any_of(
        limit.lines, [](const auto& line) { return starts_with_icase(line.name, "Deny") || line.is("Order"); });
    for (const auto& word : limit.opening.words) {
        const bool is_known = std::ranges::find(known, to_upper(word)) != known.end() || starts_with_icase(word, "SITE");
        if (is_known || !denies) continue;
        source_.note_section(limit, outcome::less_safe, fmt::format("{} cannot be refused", word));
        return;
    }
    if (denies && may_overwrite_ && names_any(limit, {"SITE", "SITE_CHMOD"}) &&
        !names_any(limit, {"ALL", "WRITE", "STOR"})) {
        source_.note_section(limit, outcome::less_safe, import_texts::chmod);
        return;
    }
    const bool has_condition = std::ranges::any_of(limit.lines, [](const proftpd_line& line) {
        const bool is_address =
            (line.is("Allow") || line.is("Deny")) && !iequals(line.words.empty() ? "" : line.words.back(), "all");
        return is_address || line.is("AllowClass") || line.is("DenyClass") || line.is("AllowFilter") ||
               line.is("DenyFilter");
    });
    const bool has_cwd = names_any(limit, {"DIRS", "ALL", "CWD", "CDUP"});
    if (has_condition)
        source_.note_section(limit, outcome::nearest,
                             "rights of the accounts; a condition on addresses or with an expression always refuses");
    else
        source_.note_section(limit, has_cwd ? outcome::nearest : outcome::taken,
                             has_cwd ? "rights of the accounts; CWD needs no right" : "rights of the accounts");
}

void proftpd_accounts::note_directory(const proftpd_section& directory, bool is_public) {
    const bool has_rights = !directory.sections.empty() || std::ranges::any_of(directory.lines, is_on_rights);
    auto what = outcome::dropped;
    std::string_view text = "no account has its home there";
    if (lost_.contains(&directory)) {
        what = outcome::less_safe;
        text = "paths cannot have wildcards; write each into the paths of the accounts";
    } else if (written_.contains(&directory)) {
        what = outcome::taken;
        text = "rights and paths of the accounts";
    } else if (!is_public &&
               (users_.empty() || std::ranges::any_of(users_, [](const auto& u) { return u.second.root.empty(); }))) {
        what = has_rights ? outcome::less_safe : outcome::nearest;
        text = !has_rights ? "see its lines"
                           : "the homes of the accounts are not known; name a file of ftpasswd with --users, or write paths";
    }
    source_.note(directory.opening, what, text);
    for (const auto& line : directory.lines)
        if (is_on_rights(line) || what == outcome::dropped) source_.note(line, what, text);
    for (const auto& inner : directory.sections) {
        if (!inner.opening.is("<Limit>")) continue;
        if (what == outcome::taken) note_limit(inner);
        source_.note_section(inner, what, text);
    }
}

void proftpd_accounts::note_files() {
    for (const auto& [name, text] : {std::pair("AuthUserFile", "sections [user.NAME]"),
                                     std::pair("AuthGroupFile", "groups decide in DefaultRoot and <Limit>")}) {
        const auto* const line = source_.first(name);
        const bool is_whole = line == nullptr || line->words.size() < 2;
        source_.note_setting(name, is_whole ? outcome::taken : outcome::less_safe,
                             is_whole ? text : "its id, home and name are not compared: remove what they exclude");
    }
    if (!has_pam_)
        source_.note_setting("AuthOrder", outcome::nearest,
                             "users of AuthUserFile, or of --users, log in; others of the system do if pam names a service, "
                             "with what [default] permits",
                             all_modules);
}

void proftpd_accounts::note_rights() {
    const auto rights = fmt::format("rights = {}", toml_list(default_rights_));
    source_.note_setting("AllowOverwrite", outcome::taken, rights, "off");
    source_.note_setting("AllowStoreRestart", outcome::taken, rights, "off");
    source_.note_setting("HiddenStores", outcome::nearest, "an upload appears under its name when it is complete");
    source_.note_setting("RequireValidShell", outcome::nearest, "users whose shell is none of /etc/shells are left out",
                         "on");
    source_.note_setting("RootLogin", outcome::nearest, "root has a section only if its line is in the file of users");
    note_files();
    if (source_.first("DefaultRoot") == nullptr && !has_pam_)
        source_.note_setting("DefaultRoot", outcome::nearest, import_texts::confined, "not confined");
    source_.note_each("DefaultRoot", outcome::taken, "home of the accounts, to which each is confined");
    source_.note_each("UserAlias", outcome::nearest, "there are no aliases: add a section for the other name");
    source_.note_setting("AllowOverride", outcome::nearest,
                         "files .ftpaccess are not read: search for them, and write what they say into paths", "on");
    const auto* const open = public_section();
    if (open == nullptr) source_.note_setting("<Anonymous>", outcome::taken, "no section [anonymous]", "none");
    for (const auto& section : server().sections) {
        if (section.opening.is("<Limit>")) note_limit(section);
        if (section.opening.is("<Directory>")) note_directory(section, false);
        if (section.opening.is("<Class>")) source_.note_section(section, outcome::taken, "networks for <Limit LOGIN>");
        if (!section.opening.is("<Anonymous>")) continue;
        if (&section == open)
            note_public(section);
        else
            source_.note_section(section, outcome::dropped,
                                 "not a login of anonymous users: add a section [user.NAME] with a home and a password");
    }
}

}  // namespace sallyport::imports
