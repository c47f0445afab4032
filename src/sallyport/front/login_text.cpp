#include <sallyport/front/login_text.hpp>

#include <fmt/format.h>

#include <sallyport/base/escape.hpp>

namespace sallyport::front {

std::string login_text(std::string_view user, const endpoint& client, std::string_view tls, std::string_view result) {
    constexpr std::size_t longest_name = 100;
    return fmt::format("Login of \"{}\" from {} over {}: {}", escape(user, longest_name), client.text(),
                       tls.empty() ? "an unencrypted connection" : tls, escape(result));
}

}  // namespace sallyport::front
