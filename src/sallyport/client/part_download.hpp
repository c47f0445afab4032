#pragma once
// A download into FILE.part, which becomes FILE when it is complete. Functions for the thread of the session's loop; the
// caller owns the session and the file, which outlive the calls.

#include <string>

#include <sallyport/client/client.hpp>
#include <sallyport/client/part_file.hpp>

namespace sallyport::client {

/// Receives the server's file. The version that the stored bytes are from is read from the file, and recorded there.
net::task<outcome<transfer_report>> receive(session& on, std::string path, part_file& to, download_resume how,
                                            progress on_progress);

/// Renames a complete file; otherwise keeps the partial one, and sets `partial_file` to its name. Returns `got`, or why the
/// local file could not be finished.
[[nodiscard]] outcome<transfer_report> finish(part_file& file, outcome<transfer_report> got, std::string& partial_file);

}  // namespace sallyport::client
