#pragma once
// The four ways to agree on a data connection, and sets of them. Values; any thread.

#include <cstdint>
#include <string_view>

#include <sallyport/proto/command.hpp>

namespace sallyport::proto {

/// By the command that asks for it.
enum class data_method : std::uint8_t { epsv, pasv, eprt, port };

[[nodiscard]] std::string_view name(data_method m) noexcept;  // "EPSV"
[[nodiscard]] verb verb_of(data_method m) noexcept;
[[nodiscard]] data_method method_of(verb id) noexcept;  // REQUIRES: data_use_of(id) is passive or active

/// The one who asks listens, and the other one connects.
[[nodiscard]] constexpr bool is_active(data_method m) noexcept { return m == data_method::eprt || m == data_method::port; }
/// Its form has room for an IPv4 address only.
[[nodiscard]] constexpr bool only_ipv4(data_method m) noexcept { return m == data_method::pasv || m == data_method::port; }

class method_set {
public:
    constexpr void insert(data_method m) noexcept { bits_ = static_cast<std::uint8_t>(bits_ | bit(m)); }
    constexpr void insert(method_set others) noexcept { bits_ = static_cast<std::uint8_t>(bits_ | others.bits_); }
    [[nodiscard]] constexpr bool contains(data_method m) const noexcept { return (bits_ & bit(m)) != 0; }

private:
    [[nodiscard]] static constexpr unsigned bit(data_method m) noexcept { return 1U << static_cast<unsigned>(m); }
    std::uint8_t bits_ = 0;
};

}  // namespace sallyport::proto
