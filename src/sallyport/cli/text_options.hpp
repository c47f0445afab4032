#pragma once
// Options for the texts that a server shows to its clients. A value that its command owns; used on its threads.

#include <string>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/server/server.hpp>

namespace sallyport::cli {

struct text_options {
    std::string banner_file;
    std::string greeting = proto::session_texts().greeting;
    std::string login_file;
    std::string message_file;
    std::string goodbye = proto::session_texts().goodbye;

    void add_to(command_table& table);
    /// Reads the files. errc::usage, with the option, for one that cannot be read.
    [[nodiscard]] result<void> fill(server::settings& out) const;
    /// Read at the start and at each reload.
    [[nodiscard]] std::vector<std::string> files() const;
};

}  // namespace sallyport::cli
