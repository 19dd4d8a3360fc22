export { ErrorCode, ErrorDomain, ErrorLevel } from "./error-code.ts";
export { Framer, type FrameSink } from "./framer.ts";
export { VirNetMessageError } from "./gen/net.ts";
export { defaultLimits, type ProtocolLimits } from "./limits.ts";
export {
  beginFrame,
  decodeHeader,
  endFrame,
  HEADER_BYTES,
  type MessageHeader,
  MessageStatus,
  MessageType,
} from "./message.ts";
export { errorFromWire, errorToWire, RpcError, type RpcErrorDetail } from "./rpc-error.ts";
