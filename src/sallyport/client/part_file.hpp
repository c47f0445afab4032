#pragma once
// Where a download goes: FILE.part beside FILE, renamed when all is well, so that FILE is whole or as it was before.
//
// A continued download goes on in FILE.part, or in FILE itself where only that is there. What isn't a regular file (a
// device, a pipe) is written straight to. Movable; a thread at a time.

#include <string>

#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>

namespace sallyport::client {

class part_file {
public:
    [[nodiscard]] static result<part_file> open(std::string name, bool resume);

    [[nodiscard]] int get() const noexcept { return fd_.get(); }
    /// Gives the file its name.
    [[nodiscard]] result<void> commit();
    /// Leaves what came for a later --resume, an empty file not. Returns the name of what stays, empty where nothing does.
    [[nodiscard]] std::string abandon();

private:
    unique_fd fd_;
    std::string name_;
    std::string written_to_;
};

}  // namespace sallyport::client
