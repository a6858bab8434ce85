import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Size } from '../../../media/size.ts'
import type { Layout } from '../image/layout.ts'
import type { RawImage } from '../pixels/raw-image.ts'
import { findFaces } from './find-faces.ts'
import { keepFaces } from './keep-faces.ts'

/**
 * Returns the layout whose crop keeps the faces of a source in the centre, or uses attention when there are
 * none. `sample` is the source at any size. Fails with `undecodable`.
 */
export async function towardsFaces(
  layout: Layout,
  source: Size,
  sample: RawImage,
): Promise<Layout | Failure> {
  const found = await findFaces(sample)
  if (isFailure(found)) return found
  const scale = source.width / sample.width
  const faces = found.map(({ left, top, width, height }) => ({
    left: left * scale,
    top: top * scale,
    width: width * scale,
    height: height * scale,
  }))
  return keepFaces(layout, source, faces)
}
