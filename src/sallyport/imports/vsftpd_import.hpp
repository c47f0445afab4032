#pragma once
// Translates the configuration of vsftpd 3.0 into that of 'sallyport serve'. Values, and a function that reads a
// file; any thread.
//
// A source that vsftpd itself would refuse is an error.

#include <string_view>

#include <sallyport/base/error.hpp>
#include <sallyport/imports/import_file.hpp>
#include <sallyport/imports/import_report.hpp>

namespace sallyport::imports {

/// `users`: lines of htpasswd, /etc/shadow, ftpasswd or pure-pw, which replace the users of the system; locked accounts are
/// left out. `read` gets the file userlist_file.
[[nodiscard]] result<import_result> import_vsftpd(std::string_view text, std::string_view users,
                                                  const import_file_reader& read);

}  // namespace sallyport::imports
