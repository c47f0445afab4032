#pragma once
// The local file of a download: FILE.part, which is renamed to FILE when the download is complete. So FILE is either
// complete or unchanged.
//
// A lock, which the system releases when the process ends, gives FILE.part to one process at a time. FILE.part.from, in
// the same directory, records which version of the server's file its bytes are from, so that a later download continues
// it only if the server still has that version. A file that is not regular (a device, a pipe) is written directly.
// Movable; owned and used by one thread at a time.

#include <cstdint>
#include <optional>
#include <string>

#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/client/client.hpp>

namespace sallyport::client {

class part_file {
public:
    /// With `resume`, the content of FILE.part stays; otherwise it is removed. errc::busy if another process is downloading
    /// to it.
    [[nodiscard]] static result<part_file> open(std::string name, bool resume);
    /// The same for the entry `name` of an open directory, also if its descriptor is O_PATH. `shown` is the name for
    /// messages.
    [[nodiscard]] static result<part_file> open_in(unique_fd directory, std::string name, std::string shown, bool resume);

    [[nodiscard]] int get() const noexcept { return fd_.get(); }
    /// The version that the bytes in FILE.part are from, if it is known.
    [[nodiscard]] const std::optional<file_version>& recorded() const noexcept { return recorded_; }
    /// Whether there was only FILE and no FILE.part. FILE stays as it is until it is replaced.
    [[nodiscard]] bool only_final_file_existed() const noexcept { return only_final_file_existed_; }

    /// Records the version of the bytes that follow, or that it is unknown. If the record cannot be written, a later
    /// download starts from the beginning. REQUIRES: the file is empty, or all its bytes are from this version.
    void record(const std::optional<file_version>& version);
    /// Sets the modification time, in seconds since 1970. After the last byte; best effort.
    void set_modified(std::int64_t seconds) const;
    /// Syncs the file to the disk and renames it to FILE.
    [[nodiscard]] result<void> commit();
    /// Keeps the partial file for a later resume, and removes an empty one. Returns the name of the partial file, or an
    /// empty string.
    [[nodiscard]] std::string abandon();

private:
    [[nodiscard]] bool is_part() const noexcept { return write_path_ != name_; }
    [[nodiscard]] std::string record_name() const { return write_path_ + ".from"; }
    /// Of the directory to which the names are relative.
    [[nodiscard]] int base() const noexcept;
    /// The name of FILE.part for messages.
    [[nodiscard]] std::string shown_part() const { return shown_ + write_path_.substr(name_.size()); }
    result<void> open_names(bool resume);
    result<void> open_part();
    /// The name of FILE.part is still that of the open file.
    [[nodiscard]] std::string or_elsewhere() const;
    [[nodiscard]] bool has_its_name() const;
    void read_record();
    void remove_record() const;

    unique_fd fd_;
    /// A duplicate of the descriptor, which keeps the lock until the file has been renamed.
    unique_fd lock_;
    /// Nothing: the names are those of the process.
    unique_fd directory_;
    std::string name_;
    std::string write_path_;
    /// `name_` for messages.
    std::string shown_;
    std::optional<file_version> recorded_;
    bool only_final_file_existed_ = false;
};

}  // namespace sallyport::client
