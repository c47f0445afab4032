#pragma once
// Parsers of replies and of the address in a 227. They are not the parsers of Sallyport on purpose, so that an error
// there cannot hide here. Values for one thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::load {

struct reply {
    int code = 0;
    std::string_view last_line;  // valid until more input is added

    [[nodiscard]] bool preliminary() const { return code / 100 == 1; }
    [[nodiscard]] bool completed() const { return code / 100 == 2; }
};

class reply_reader {
public:
    void add(std::string_view input);
    /// The next complete reply, if there is one.
    [[nodiscard]] std::optional<reply> next();

private:
    std::string buffer_;
    std::size_t consumed_ = 0;
    int multi_line_ = 0;  // code of the multi-line reply under way
};

struct passive_target {
    std::uint32_t address = 0;  // in the host's byte order
    std::uint16_t port = 0;

    friend bool operator==(const passive_target&, const passive_target&) = default;
};

/// Of "227 Entering Passive Mode (h1,h2,h3,h4,p1,p2)".
[[nodiscard]] std::optional<passive_target> parse_passive(std::string_view line);

}  // namespace sallyport::load
