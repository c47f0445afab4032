#pragma once
// The four data methods EPSV, PASV, EPRT and PORT, and sets of them. Values; any thread.

#include <cstdint>
#include <optional>
#include <string_view>

#include <sallyport/proto/command.hpp>

namespace sallyport::proto {

/// The command that sets up a data connection.
enum class data_method : std::uint8_t { epsv, pasv, eprt, port };

/// "EPSV".
[[nodiscard]] std::string_view name(data_method m) noexcept;
[[nodiscard]] verb verb_of(data_method m) noexcept;
/// REQUIRES: data_use_of(id) is passive or active.
[[nodiscard]] data_method method_of(verb id) noexcept;
/// The one of this name, whatever its case.
[[nodiscard]] std::optional<data_method> method_named(std::string_view name) noexcept;

/// In active mode the sender of the command listens, and the other side opens the data connection.
[[nodiscard]] constexpr bool is_active(data_method m) noexcept { return m == data_method::eprt || m == data_method::port; }
/// PORT and PASV can name IPv4 addresses only.
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
