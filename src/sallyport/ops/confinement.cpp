#include <sallyport/ops/confinement.hpp>

#include <cerrno>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <sallyport/base/log.hpp>
#include <sallyport/ops/landlock.hpp>
#include <sallyport/ops/privileges.hpp>
#include <sallyport/ops/system_calls.hpp>

namespace sallyport::ops {
namespace {

std::string current_user() {
    const auto* const entry = ::getpwuid(::geteuid());
    return entry == nullptr ? fmt::format("uid {}", ::geteuid()) : entry->pw_name;
}

/// A part that is missing is reported, or refused with --sandbox required.
result<void> note_missing(const confinement& rules, confinement_report& report, const error& why) {
    if (rules.sandbox == sandbox_mode::required)
        return fail(errc::unsupported, fmt::format("--sandbox required: {}", why.text()));
    report.missing.push_back(why.what.empty() ? why.text() : why.what);
    return {};
}

result<int> restrict_with_landlock(const path_rules& paths) {
    // Landlock and the filter of system calls need it, unless the process is root.
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail_os(errno, "PR_SET_NO_NEW_PRIVS");
    const auto version = landlock_version();
    if (!version) return version;
    if (auto applied = apply_landlock(paths, *version); !applied) return std::unexpected(applied.error());
    return version;
}

}  // namespace

std::string confinement_report::text() const {
    std::vector<std::string> parts{fmt::format("Runs as {}", user)};
    if (landlock != 0) parts.push_back(fmt::format("files restricted (Landlock {})", landlock));
    if (system_calls) parts.emplace_back("system calls restricted");
    if (landlock == 0 && !system_calls) parts.emplace_back("without a sandbox");
    return fmt::format("{}", fmt::join(parts, ", "));
}

result<confinement_report> restrict_files(const confinement& rules) {
    confinement_report out;
    // Root needs its capabilities to open files and ports, and loses them with its identity.
    if (!rules.become) {
        if (auto dropped = drop_capabilities(rules.capabilities); !dropped) return std::unexpected(dropped.error());
    }
    if (rules.sandbox == sandbox_mode::off) return out;
    const auto version = restrict_with_landlock(rules.paths);
    if (version) {
        out.landlock = *version;
        return out;
    }
    if (auto accepted = note_missing(rules, out, version.error()); !accepted) return std::unexpected(accepted.error());
    return out;
}

result<confinement_report> confine(const confinement& rules, confinement_report so_far) {
    auto out = std::move(so_far);
    // Before the change, since the databases of users may be readable for root only.
    out.user = rules.become ? rules.become->name : current_user();
    if (auto done =
            rules.become ? change_identity(*rules.become, rules.capabilities) : drop_capabilities(rules.capabilities);
        !done)
        return std::unexpected(done.error());
    out.is_root = ::geteuid() == 0;
    // Its memory has keys and passwords, and another process of the same user must not trace it.
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (rules.sandbox == sandbox_mode::off) return out;
    const auto filtered = filter_system_calls(rules.netlink_filter);
    out.system_calls = filtered.has_value();
    if (!filtered) {
        if (auto accepted = note_missing(rules, out, filtered.error()); !accepted) return std::unexpected(accepted.error());
    }
    return out;
}

result<prepared_confinement> prepare_confinement(confinement rules) {
    auto so_far = restrict_files(rules);
    if (!so_far) return std::unexpected(so_far.error());
    return prepared_confinement{std::move(rules), std::move(*so_far)};
}

result<confinement_report> finish_confinement(const prepared_confinement& prepared) {
    auto out = confine(prepared.rules, prepared.so_far);
    if (!out) return out;
    log::info({}, out->text());
    if (!prepared.rules.warning.empty()) log::warning({}, prepared.rules.warning);
    for (const auto& reason : out->missing)
        log::warning({}, fmt::format("The sandbox is incomplete: {}; --sandbox required refuses to start then", reason));
    return out;
}

}  // namespace sallyport::ops
