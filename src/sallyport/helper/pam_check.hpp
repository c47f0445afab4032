#pragma once
// Asks PAM whether a user of the system may log in: the password, and the account with its expiry. Then whether its shell is
// in /etc/shells, and that it is neither in /etc/ftpusers nor root. Sessions of PAM are not opened.
//
// A function without state for a process of its own with one thread: modules of PAM may hang, crash, and change the process.

#include <string>

#include <sallyport/helper/pam_request.hpp>

namespace sallyport::helper {

/// `service`: the file of /etc/pam.d. The password in the request is overwritten once PAM has used it.
[[nodiscard]] pam_reply check_with_pam(const std::string& service, pam_request& request);

}  // namespace sallyport::helper
