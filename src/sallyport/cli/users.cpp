#include <sallyport/base/ascii.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/cli/users.hpp>

#include <fmt/format.h>

namespace sallyport::cli {

result<server::user> parse_user(std::string_view text, bool read_only) {
    const auto colon = text.find(':');
    const auto name = text.substr(0, colon);
    if (colon == std::string_view::npos || name.empty() || colon + 1 == text.size()) {
        return fail(errc::syntax, fmt::format("user '{}': give NAME:PASSWORD, neither of them empty", escape(name)));
    }
    if (iequals(name, "anonymous") || iequals(name, "ftp")) {
        return fail(errc::syntax,
                    fmt::format("user '{}': this name means anonymous login; use --anonymous, or another name", name));
    }
    return server::user{std::string(name), std::string(text.substr(colon + 1)), read_only};
}

}  // namespace sallyport::cli
