#include <sallyport/frontend/login_text.hpp>

#include <fmt/format.h>

#include <sallyport/base/escape.hpp>

namespace sallyport::frontend {
namespace {

/// A quotation mark of a peer would end the name for a program that reads the line, and whatever follows would pass for an
/// address.
[[nodiscard]] std::string without_quotes(std::string text) {
    constexpr std::string_view escaped = "\\x22";
    for (auto at = text.find('"'); at != std::string::npos; at = text.find('"', at + escaped.size()))
        text.replace(at, 1, escaped);
    return text;
}

}  // namespace

std::string login_text(std::string_view user, const endpoint& client, std::string_view tls, std::string_view result) {
    constexpr std::size_t max_name_length = 100;
    return fmt::format("Login of \"{}\" from {} over {}: {}", without_quotes(escape(user, max_name_length)), client.text(),
                       tls.empty() ? "an unencrypted connection" : tls, without_quotes(escape(result)));
}

}  // namespace sallyport::frontend
