#pragma once
// Options that get and put share for many files. A value that its command owns; the main thread.

#include <cstddef>

#include <sallyport/cli/option_table.hpp>

namespace sallyport::cli {

struct many_options {
    bool recursive = false;
    bool keep_times = false;
    bool then_delete = false;
    /// 0: no limit.
    std::uint64_t max_size = 0;
    /// A file with further arguments; "-" is standard input.
    std::string from_file;

    /// `directories`: the help of --recursive. `arguments`: what the lines of --from-file are.
    void add_to(command_table& table, const std::string& directories, const std::string& arguments);
    /// These options are for what get_many and put_many do, also with a single file.
    [[nodiscard]] bool need_many() const noexcept {
        return recursive || keep_times || then_delete || max_size != 0 || !from_file.empty();
    }
};

}  // namespace sallyport::cli
