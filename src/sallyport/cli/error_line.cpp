#include <sallyport/cli/error_line.hpp>

#include <utility>

#include <fmt/format.h>

namespace sallyport::cli {

error with_option(std::string_view option, error why) {
    if (!why.what.starts_with("--")) why.what = fmt::format("{}: {}", option, why.what);
    return why;
}

}  // namespace sallyport::cli
