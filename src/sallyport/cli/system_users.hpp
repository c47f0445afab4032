#pragma once
// Users of the system as accounts of "serve" (--pam): the check of the service's name, the process that asks PAM, and what
// the configuration says of these users.
//
// Functions for the main thread, which returns values; the settings own what they return.

#include <cstdint>
#include <memory>
#include <string>

#include <sallyport/base/error.hpp>
#include <sallyport/cli/account_sections.hpp>
#include <sallyport/helper/pam_client.hpp>
#include <sallyport/server/system_users.hpp>
#include <sallyport/vfs/filesystem.hpp>

namespace sallyport::cli {

/// Who of them may log in: all, or those with a section [user.NAME].
enum class system_user_choice : std::uint8_t { all, listed };

/// Whether PAM has this service. Without a file of its own, PAM would use that of "other". The error names the option.
[[nodiscard]] result<void> check_pam_service(const std::string& service);

/// Starts the process that asks PAM, before any other thread; null if `service` is empty. The error names the option.
[[nodiscard]] result<std::shared_ptr<helper::pam_client>> start_pam(const std::string& service);

/// `directory` is the shared one. Without the process that asks PAM, which the daemon has.
[[nodiscard]] server::system_users system_users_of(account_sections sections, system_user_choice who, std::string directory,
                                                   vfs::sync_policy sync);

}  // namespace sallyport::cli
