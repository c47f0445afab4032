#pragma once
// Where a download goes: FILE.part beside FILE, renamed when all is well, so that FILE is whole or as it was before.
//
// FILE.part belongs to one process at a time, by a lock that the system takes back when the process ends. Beside it,
// FILE.part.from records which version of the server's file its bytes are from, so that a later download continues it only
// if the server still has that one. What isn't a regular file (a device, a pipe) is written straight to. Movable; a thread
// at a time.

#include <optional>
#include <string>

#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/client/client.hpp>

namespace sallyport::client {

class part_file {
public:
    /// With `resume`, what is in FILE.part stays; else it is emptied. errc::busy if another process is downloading to it.
    [[nodiscard]] static result<part_file> open(std::string name, bool resume);

    [[nodiscard]] int get() const noexcept { return fd_.get(); }
    /// The version that the bytes in FILE.part are from, if that is known.
    [[nodiscard]] const std::optional<file_version>& recorded() const noexcept { return recorded_; }
    /// Whether there was no FILE.part, only a FILE, which is left alone until it is replaced.
    [[nodiscard]] bool only_final_file_existed() const noexcept { return only_final_file_existed_; }

    /// Records the version of the bytes to come, or that it is unknown. A record that can't be written only means that these
    /// bytes won't be continued. REQUIRES: the file is empty.
    void record(const std::optional<file_version>& version);
    /// Gives the file its name, once its bytes are on the disk.
    [[nodiscard]] result<void> commit();
    /// Leaves what came for a later --resume, an empty file not. Returns the name of what stays, empty if nothing does.
    [[nodiscard]] std::string abandon();

private:
    [[nodiscard]] bool is_part() const noexcept { return write_path_ != name_; }
    [[nodiscard]] std::string record_name() const { return write_path_ + ".from"; }
    result<void> open_part();
    void read_record();
    void remove_record() const;

    unique_fd fd_;
    unique_fd lock_;  // the same open file: keeps the lock until the name is given
    std::string name_;
    std::string write_path_;
    std::optional<file_version> recorded_;
    bool only_final_file_existed_ = false;
};

}  // namespace sallyport::client
