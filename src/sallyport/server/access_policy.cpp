#include <sallyport/server/access_policy.hpp>

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include <sallyport/proto/hash_commands.hpp>

namespace sallyport::server {
namespace {

using proto::verb;

[[nodiscard]] bool is_below_or_at(const virtual_path& path, const virtual_path& directory) noexcept {
    if (directory.is_root()) return true;
    const std::string_view text = path.text();
    return text.starts_with(directory.text()) &&
           (text.size() == directory.text().size() || text[directory.text().size()] == '/');
}

[[nodiscard]] bool matches_any(const name_patterns& patterns, std::string_view name) noexcept {
    return std::ranges::any_of(patterns, [name](const auto& w) { return w->matches(name); });
}

/// Whether a component of the path matches.
[[nodiscard]] bool contains_any(const name_patterns& patterns, const virtual_path& path) noexcept {
    if (patterns.empty()) return false;
    std::string_view rest = path.text();
    while (!rest.empty()) {
        rest.remove_prefix(1);
        const std::string_view name = rest.substr(0, rest.find('/'));
        if (!name.empty() && matches_any(patterns, name)) return true;
        rest.remove_prefix(name.size());
    }
    return false;
}

[[nodiscard]] std::unexpected<error> refuse(const virtual_path& path, std::string_view what) {
    return fail(errc::permission, fmt::format("{}: your account may not {} here", path.text(), what));
}

[[nodiscard]] bool creates_name(verb command) noexcept {
    return proto::data_use_of(command) == proto::data_use::upload || command == verb::mkd || command == verb::rnto;
}

/// Names come before rights: a hidden name must not be distinguished from one that does not exist.
[[nodiscard]] result<void> check_name(const account& user, verb command, const virtual_path& path) {
    if (contains_any(user.hide, path)) {
        if (creates_name(command)) return fail(errc::name_invalid, path.text() + ": this name is not allowed");
        // With the text of the system for a file that is missing.
        return fail_os(ENOENT, path.text());
    }
    if (contains_any(user.deny, path))
        return fail(errc::permission, path.text() + ": your account may not use a file or directory of this name");
    return {};
}

[[nodiscard]] result<void> check_right(const account& user, verb command, const virtual_path& path) {
    const right_set has = rights_at(user, path);
    const auto needs = [&](right one, std::string_view what) -> result<void> {
        if (has.has(one)) return {};
        return refuse(path, what);
    };
    if (proto::requests_hash(command)) return needs(right::read, "read files");
    switch (command) {
        case verb::cwd:
        case verb::cdup: return {};
        case verb::size:
        case verb::mdtm:
        case verb::mlst:
            if (has.has(right::list) || has.has(right::read)) return {};
            return refuse(path, "see files");
        case verb::list:
        case verb::nlst:
        case verb::mlsd:
        case verb::stat: return needs(right::list, "list files");
        case verb::retr: return needs(right::read, "download");
        case verb::appe: return needs(right::append, "append to files");
        case verb::stou: return needs(right::write, "create files");
        case verb::stor:
            if (has.has(right::write) || has.has(right::overwrite)) return {};
            return refuse(path, "upload");
        case verb::dele:
        case verb::rmd: return needs(right::remove, "delete");
        case verb::mkd: return needs(right::mkdir, "create directories");
        case verb::rnfr:
        case verb::rnto: return needs(right::rename, "rename");
        case verb::mfmt:
        case verb::mff:
        case verb::site: return needs(right::overwrite, "change existing files");
        case verb::avbl:
            if (has.has(right::write) || has.has(right::append) || has.has(right::overwrite)) return {};
            return refuse(path, "upload");
        default: return fail(errc::misuse);
    }
}

}  // namespace

right_set rights_at(const account& user, const virtual_path& path) noexcept {
    const path_rights* longest = nullptr;
    for (const path_rights& p : user.paths) {
        if (!is_below_or_at(path, p.path)) continue;
        if (longest == nullptr || p.path.text().size() > longest->path.text().size()) longest = &p;
    }
    return longest == nullptr ? user.rights : longest->rights;
}

bool is_hidden(const account& user, std::string_view name) noexcept { return matches_any(user.hide, name); }

result<void> check_access(const account& user, verb command, const virtual_path& path) {
    if (auto good = check_name(user, command, path); !good) return good;
    if (auto good = check_right(user, command, path); !good) return good;
    if (command != verb::rnfr && command != verb::rnto) return {};
    // Under another name, the paths below would have other rights.
    const auto is_inside = [&](const path_rights& p) { return is_below_or_at(p.path, path); };
    if (std::ranges::any_of(user.paths, is_inside)) return refuse(path, "rename");
    return {};
}

result<upload_access> check_upload(const account& user, verb command, const virtual_path& path, std::uint64_t offset) {
    if (auto good = check_access(user, command, path); !good) return std::unexpected(good.error());
    const right_set has = rights_at(user, path);
    if (command == verb::stou) return upload_access{.mode = vfs::store_mode::create_only};
    const bool must_exist = !has.has(right::write);
    if (command == verb::appe) return upload_access{.mode = vfs::store_mode::append, .must_exist = must_exist};
    if (offset > 0) {
        // What follows the offset is lost.
        if (!has.has(right::append) || !has.has(right::overwrite)) return refuse(path, "continue an upload (use APPE)");
        return upload_access{.mode = vfs::store_mode::resume, .must_exist = must_exist};
    }
    const auto mode = has.has(right::overwrite) ? vfs::store_mode::replace : vfs::store_mode::create_only;
    return upload_access{.mode = mode, .must_exist = must_exist};
}

result<vfs::existing_target> check_rename(const account& user, const virtual_path& from, const virtual_path& to) {
    if (auto good = check_access(user, verb::rnfr, from); !good) return std::unexpected(good.error());
    if (auto good = check_access(user, verb::rnto, to); !good) return std::unexpected(good.error());
    const right_set there = rights_at(user, to);
    if (!rights_at(user, from).has_all(there)) return refuse(to, fmt::format("move {}", from.text()));
    return there.has(right::overwrite) ? vfs::existing_target::replace : vfs::existing_target::keep;
}

std::string permissions_of(const account& user, const virtual_path& path, vfs::file_type type) {
    const bool is_directory = type == vfs::file_type::directory;
    if ((!is_directory && type != vfs::file_type::file) || !check_name(user, verb::cwd, path)) return {};
    const right_set has = rights_at(user, path);
    std::string out;
    const auto add = [&](char letter, right needed) {
        if (has.has(needed)) out += letter;
    };
    if (is_directory) {
        add('c', right::write);
        add('d', right::remove);
        out += 'e';
        add('f', right::rename);
        add('l', right::list);
        add('m', right::mkdir);
        add('p', right::remove);
    } else {
        add('a', right::append);
        add('d', right::remove);
        add('f', right::rename);
        add('r', right::read);
        add('w', right::overwrite);
    }
    return out;
}

bool has_uniform_permissions(const account& user) noexcept { return user.paths.empty() && user.deny.empty(); }

}  // namespace sallyport::server
