#pragma once
// The directory of a session at a server that isn't ours, as far as its commands and the replies to them tell it, so that a
// file can be named by its absolute path. It follows CWD, CDUP and PWD; symbolic links it can't know. A value; any thread.

#include <string>
#include <string_view>

#include <sallyport/proto/command.hpp>
#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

class working_directory {
public:
    /// The final reply to CWD, CDUP or PWD; nothing else is looked at.
    void reply_received(verb id, std::string_view argument, const reply& r);
    /// At the beginning, and after another login.
    void reset() { *this = {}; }

    /// The server has named it, or the client has gone to an absolute path. Until then it is taken for the root.
    [[nodiscard]] bool is_known() const noexcept { return known_; }
    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    /// `path` as the client gave it: empty for the directory itself. Names that are no path of ours stay as they are.
    [[nodiscard]] std::string absolute(std::string_view path) const;

private:
    std::string text_ = "/";
    bool known_ = false;
};

/// What a 257 names, in any of its lines: between the first quote and the last, doubled ones within being one (RFC 959
/// appendix II). Empty where it names nothing.
[[nodiscard]] std::string quoted_path(const reply& r);

}  // namespace sallyport::proto
