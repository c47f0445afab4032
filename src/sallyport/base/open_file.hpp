#pragma once
// Opens the files that the configuration names: certificates, keys, password files, the configuration itself, logs.
//
// A daemon that has given up its rights asks its helper process for them (helper/client.hpp). Any thread; the caller owns
// the descriptor.

#include <functional>
#include <string>

#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>

namespace sallyport {

/// Opens the file of this path with open(2). If that is refused, the opener below is tried. The error has no text.
[[nodiscard]] result<unique_fd> open_file(const std::string& path, int flags, unsigned mode = 0);

/// Sets the function that opens a file to be read, or to be appended to, with other rights than those of this process. Call
/// it once, before any thread is started; it stays for the life of the process.
void set_file_opener(std::function<result<unique_fd>(const std::string& path, bool append)> opener);

}  // namespace sallyport
