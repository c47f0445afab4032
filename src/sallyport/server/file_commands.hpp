#pragma once
// What the machine asks of files without a data connection: CWD CDUP DELE RMD MKD SIZE MDTM MLST MFMT STAT RNFR RNTO.

#include <memory>

#include <sallyport/proto/server_machine.hpp>
#include <sallyport/server/accounts.hpp>
#include <sallyport/server/session_context.hpp>

namespace sallyport::server {

/// Looks are answered on the loop where memory knows the answer, else on the pool; changes always on the pool.
net::task<result<proto::file_result>> run_file_command(std::shared_ptr<session_context> shared, net::loop& loop,
                                                       account user_account, proto::file_request request);

}  // namespace sallyport::server
