#include <sallyport/frontend/login_text.hpp>

#include <fmt/format.h>

#include <sallyport/base/escape.hpp>

namespace sallyport::frontend {

std::string login_text(std::string_view user, const endpoint& client, std::string_view tls, std::string_view result) {
    constexpr std::size_t max_name_length = 100;
    return fmt::format("Login of \"{}\" from {} over {}: {}", escape(user, max_name_length), client.text(),
                       tls.empty() ? "an unencrypted connection" : tls, escape(result));
}

}  // namespace sallyport::frontend
