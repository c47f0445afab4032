#include <sallyport/ops/identity.hpp>

#include <cstdint>
#include <fstream>

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sallyport/base/escape.hpp>

namespace sallyport::ops {
namespace {

constexpr uid_t shared_account_id = 65534;
constexpr auto own_account = "sallyport";
constexpr auto shared_account = "nobody";

constexpr auto warning_unsafe_root =
    "Runs as root (--unsafe-root): a fault in this program gives its attacker the rights of root, as far as the sandbox "
    "does not restrict them; expect the loss of the whole machine, and use --run-as USER instead";
constexpr auto warning_no_users =
    "Runs as the root of its user namespace, which has no other users; map more users to change that";
constexpr auto warning_shared_account =
    "Runs as nobody, which other programs may use too; create a user with 'useradd --system sallyport', or add --run-as "
    "USER";

result<identity> named_account(const std::string& name, const account_lookup& accounts) {
    auto found = accounts.by_name(name);
    if (!found)
        return fail(errc::usage, fmt::format("--run-as {}: no such user; create it with 'useradd --system {}'", escape(name),
                                             escape(name)));
    if (found->user == 0)
        return fail(errc::usage,
                    fmt::format("--run-as {}: this user is root; name another one, or use --unsafe-root", escape(name)));
    return std::move(*found);
}

identity from_entry(const passwd& entry) {
    identity out{.name = entry.pw_name, .user = entry.pw_uid, .group = entry.pw_gid};
    int count = 64;
    out.groups.resize(static_cast<std::size_t>(count));
    if (::getgrouplist(entry.pw_name, entry.pw_gid, out.groups.data(), &count) < 0) {
        out.groups.resize(static_cast<std::size_t>(count));
        if (::getgrouplist(entry.pw_name, entry.pw_gid, out.groups.data(), &count) < 0) count = 0;
    }
    out.groups.resize(static_cast<std::size_t>(count));
    return out;
}

/// Whether the user namespace of this process has more than one user: three numbers a line, the last one is the length.
bool maps_other_users() {
    std::ifstream in("/proc/self/uid_map");
    std::uint64_t inside = 0;
    std::uint64_t outside = 0;
    std::uint64_t length = 0;
    std::uint64_t all = 0;
    while (in >> inside >> outside >> length) all += length;
    // Without /proc nothing is known, and changing the user fails if there is no other one.
    return all != 1;
}

}  // namespace

result<identity_choice> choose_identity(const identity_options& options, const identity_facts& facts,
                                        const account_lookup& accounts) {
    const bool named = !options.run_as.empty();
    if (named && options.unsafe_root)
        return fail(errc::usage, "--run-as and --unsafe-root exclude each other; remove one of them");
    if (!facts.is_root) {
        if (named) return fail(errc::usage, "--run-as needs root to change the user; start as root, or remove it");
        return identity_choice{};
    }
    if (options.unsafe_root) return identity_choice{.warning = warning_unsafe_root};
    if (named) {
        auto found = named_account(options.run_as, accounts);
        if (!found) return std::unexpected(found.error());
        return identity_choice{.become = std::move(*found)};
    }
    if (!facts.has_other_users) return identity_choice{.warning = warning_no_users};
    if (facts.owner && facts.owner->user != 0) return identity_choice{.become = accounts.by_owner(*facts.owner)};
    if (auto found = accounts.by_name(own_account); found && found->user != 0)
        return identity_choice{.become = std::move(found)};
    auto shared = accounts.by_name(shared_account);
    if (!shared || shared->user == 0) shared = identity{shared_account, shared_account_id, shared_account_id, {}};
    return identity_choice{.become = std::move(shared), .warning = warning_shared_account};
}

account_lookup system_accounts() {
    account_lookup out;
    out.by_name = [](const std::string& name) -> std::optional<identity> {
        const auto* const entry = ::getpwnam(name.c_str());
        if (entry == nullptr) return std::nullopt;
        return from_entry(*entry);
    };
    out.by_owner = [](const directory_owner& owner) -> identity {
        if (const auto* const entry = ::getpwuid(owner.user)) return from_entry(*entry);
        // Files of containers often belong to the group of root.
        return {fmt::format("uid {}", owner.user), owner.user, owner.group == 0 ? owner.user : owner.group, {}};
    };
    return out;
}

identity_facts read_identity_facts(const std::string& shared) {
    identity_facts out{.is_root = ::geteuid() == 0, .has_other_users = maps_other_users()};
    struct stat facts{};
    if (!shared.empty() && ::stat(shared.c_str(), &facts) == 0) out.owner = {facts.st_uid, facts.st_gid};
    return out;
}

}  // namespace sallyport::ops
