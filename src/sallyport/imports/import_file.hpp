#pragma once
// A file of the configuration that an importer reads, and how it gets those that this file names. Values, and a function
// that the caller owns and which may read files; an error of it has the path. Any thread.

#include <functional>
#include <string>

#include <sallyport/base/error.hpp>

namespace sallyport::imports {

struct import_file {
    std::string path;
    std::string text;
};

/// The text of a file.
using import_file_reader = std::function<result<std::string>(const std::string& path)>;

}  // namespace sallyport::imports
