#pragma once
// Includes Asio and names its types for this project. Asio is compiled once (asio_impl.cpp); only .cpp files and the
// headers of net include this header.
//
// Executors have io_context's own type and are not type-erased, as each read of a control connection uses one. Nothing
// here owns anything; the names may be used on any thread.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

namespace sallyport::net {

namespace asio = boost::asio;

using executor = asio::io_context::executor_type;

/// The type of all coroutines. A coroutine runs on the event loop on which it was spawned, from start to end.
template <class T = void>
using task = asio::awaitable<T, executor>;

}  // namespace sallyport::net
