#pragma once
// The working directory of a session at another FTP server, derived from the session's commands and their replies.
//
// It gives files their absolute paths. It follows CWD, CDUP and PWD; it cannot know symbolic links. A value; any thread.

#include <string>
#include <string_view>

#include <sallyport/proto/command.hpp>
#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

class working_directory {
public:
    /// The final reply to CWD, CDUP or PWD; other commands are ignored.
    void reply_received(verb id, std::string_view argument, const reply& r);
    /// At the start of a session, and after another login.
    void reset() { *this = {}; }

    /// The server has named the directory, or the client has changed to an absolute path. Until then it is assumed to be
    /// "/".
    [[nodiscard]] bool is_known() const noexcept { return known_; }
    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    /// `path` as the client sent it; empty for the directory itself. Names that are not Unix paths are returned unchanged.
    [[nodiscard]] std::string absolute(std::string_view path) const;

private:
    std::string text_ = "/";
    bool known_ = false;
};

/// The path in a 257, from any of its lines: the text between the first and the last quote, where a doubled quote is one
/// (RFC 959, appendix II). Empty if there is none.
[[nodiscard]] std::string quoted_path(const reply& r);

}  // namespace sallyport::proto
