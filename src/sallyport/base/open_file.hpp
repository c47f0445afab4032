#pragma once
// Opens the files that the configuration names: certificates, keys, password files, the configuration itself, logs.
//
// Any thread; the caller owns the descriptor.

#include <string>

#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>

namespace sallyport {

/// Opens the file of this path with open(2). If that is refused, the helper process opens it (base/helper_process.hpp). The
/// error has no text.
[[nodiscard]] result<unique_fd> open_file(const std::string& path, int flags, unsigned mode = 0);

}  // namespace sallyport
