#include <sallyport/cli/system_users.hpp>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/helper/pam_check.hpp>

namespace sallyport::cli {
namespace {

// Where Linux-PAM looks for services.
constexpr auto service_directories = std::to_array<std::string_view>({"/etc/pam.d", "/usr/lib/pam.d"});

std::unexpected<error> bad_service(const std::string& service, std::string_view why) {
    return fail(errc::usage, fmt::format("--pam {}: {}", escape(service, 100), why));
}

}  // namespace

result<void> check_pam_service(const std::string& service) {
    const auto is_good = [](char c) { return is_alpha(c) || is_digit(c) || c == '-' || c == '_' || c == '.'; };
    if (service.starts_with('.') || !std::ranges::all_of(service, is_good))
        return bad_service(
            service, "this is not the name of a PAM service; give the name of a file in /etc/pam.d, without the directory");
    const auto has_service = [&service](std::string_view directory) {
        return ::access(fmt::format("{}/{}", directory, service).c_str(), F_OK) == 0;
    };
    if (std::ranges::none_of(service_directories, has_service))
        return bad_service(service,
                           fmt::format("there is no file /etc/pam.d/{}; docs/server.md has an example of one", service));
    return {};
}

result<std::shared_ptr<helper::pam_client>> start_pam(const std::string& service) {
    if (service.empty()) return nullptr;
    if (auto good = check_pam_service(service); !good) return std::unexpected(good.error());
    if (::geteuid() != 0)
        return bad_service(
            service,
            "PAM needs root to check passwords; start the daemon as root, which it gives up before it serves the "
            "first client, or remove the option");
    return helper::pam_client::start(
        [service](helper::pam_request& request) { return helper::check_with_pam(service, request); });
}

server::system_users system_users_of(account_sections sections, system_user_choice who, std::string directory,
                                     vfs::sync_policy sync) {
    const auto known = std::make_shared<const account_sections>(std::move(sections));
    return {.pam = nullptr,
            .is_admitted =
                [known, who](const std::string& name) { return who == system_user_choice::all || known->has_user(name); },
            .account_of = [known, directory = std::move(directory), sync](
                              const std::string& name,
                              const std::string& home) { return known->system_account(name, home, directory, sync); }};
}

}  // namespace sallyport::cli
