#pragma once
// Users as the command line names them.

#include <string_view>

#include <sallyport/base/error.hpp>
#include <sallyport/server/server.hpp>

namespace sallyport::cli {

/// "NAME:PASSWORD"; the password may hold colons and may be an argon2id hash. Errors never repeat the password.
[[nodiscard]] result<server::user> parse_user(std::string_view text, bool read_only);

}  // namespace sallyport::cli
