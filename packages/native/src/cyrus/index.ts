export { type Cyrus, loadCyrus } from "./cyrus.ts";
