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

result<void> restrict_files_and_ports(const confinement& rules, confinement_report& report) {
    const auto version = restrict_with_landlock(rules.paths);
    if (!version) return note_missing(rules, report, version.error());
    report.landlock = *version;
    if (!rules.paths.ports) return {};
    report.ports = restricts_ports(*version);
    if (report.ports) return {};
    return note_missing(
        rules, report,
        {errc::unsupported, 0,
         fmt::format("Landlock {} of this kernel restricts no TCP ports; Linux 6.7 has one that does", *version)});
}

void log_lines(const confinement& rules, const confinement_report& report) {
    log::info({}, report.text());
    if (!rules.warning.empty()) log::warning({}, rules.warning);
    for (const auto& reason : report.missing)
        log::warning({}, fmt::format("The sandbox is incomplete: {}; --sandbox required refuses to start then", reason));
}

}  // namespace

std::string confinement_report::text() const {
    std::vector<std::string> parts{fmt::format("Runs as {}", user)};
    if (landlock != 0)
        parts.push_back(fmt::format("files {}restricted (Landlock {})", ports ? "and TCP ports " : "", landlock));
    if (system_calls) parts.emplace_back("system calls restricted");
    if (landlock == 0 && !system_calls) parts.emplace_back("without a sandbox");
    return fmt::format("{}", fmt::join(parts, ", "));
}

result<prepared_confinement> prepare_confinement(confinement rules) {
    prepared_confinement out{.rules = std::move(rules), .so_far = {}};
    // Root needs its capabilities to open files and ports, and loses them with its identity.
    if (!out.rules.become) {
        if (auto dropped = drop_capabilities(out.rules.capabilities_at_start); !dropped)
            return std::unexpected(dropped.error());
    }
    if (out.rules.sandbox == sandbox_mode::off) return out;
    if (auto done = restrict_files_and_ports(out.rules, out.so_far); !done) return std::unexpected(done.error());
    return out;
}

result<confinement_report> finish_confinement(const prepared_confinement& prepared) {
    const auto& rules = prepared.rules;
    auto out = prepared.so_far;
    // Before the change, since the databases of users may be readable for root only.
    out.user = rules.become ? rules.become->name : current_user();
    if (auto done =
            rules.become ? change_identity(*rules.become, rules.capabilities) : drop_capabilities(rules.capabilities);
        !done)
        return std::unexpected(done.error());
    // Its memory has keys and passwords, and another process of the same user must not trace it.
    if (rules.sandbox != sandbox_mode::off || rules.become) ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (rules.sandbox != sandbox_mode::off) {
        const auto filtered = filter_system_calls();
        out.system_calls = filtered.has_value();
        if (!filtered) {
            if (auto accepted = note_missing(rules, out, filtered.error()); !accepted)
                return std::unexpected(accepted.error());
        }
    }
    log_lines(rules, out);
    return out;
}

}  // namespace sallyport::ops
