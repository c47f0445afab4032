#pragma once
// The one door to Asio. Asio is compiled once (asio_impl.cpp); only .cpp files and the headers of net include this.
//
// Executors are concrete (io_context's own), not type-erased: a control connection's every read goes through one.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

namespace sallyport::net {

namespace asio = boost::asio;

using executor = asio::io_context::executor_type;

/// A coroutine of ours. It runs on the loop whose executor it was spawned on, from start to end.
template <class T = void>
using task = asio::awaitable<T, executor>;

}  // namespace sallyport::net
