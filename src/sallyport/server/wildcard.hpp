#pragma once
// Wildcards of LIST and NLST: '*', '?' and '[a-z]' or '[!a-z]', in one path component, bytewise. No braces, no '~'. Two
// pointers, so the time is bounded by the product of the lengths, whatever the pattern (FS-03). Pure.

#include <string_view>

namespace sallyport::server {

[[nodiscard]] bool matches_wildcard(std::string_view pattern, std::string_view name) noexcept;

}  // namespace sallyport::server
