// index.ts: the exports of the inference module.
export { add_f32, add_u8, all_finite, end_plane, end_vector, flatten } from "./add";
export { conv_codes } from "./conv";
export { dense_codes_c16, dense_f32_c16, dense_nonzero } from "./dense";
export { conv_codes_depthwise } from "./depthwise";
export { conv_f32, conv_f32_single } from "./float";
export {
  gather_f32,
  gather_f32_any,
  gather_u8,
  gather_u8_any,
  gather_u8_pointwise,
  gather_u8_rows,
  split_phases_u8,
  tile_masks,
} from "./gather";
export { matmul_f32 } from "./matmul";
export { plane_sums_f32, plane_sums_u8, pool_max_f32, pool_max_u8, pool_sum_f32, pool_sum_u8 } from "./pool";
